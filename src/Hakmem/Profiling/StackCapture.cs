using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Hakmem.Profiling;

// The calling thread's call stack as text, from the caller of this library on. Slow (the runtime resolves each frame)
// and allocates managed memory, so only sampled blocks and CaptureStacks use it. Must be called under no lock.
internal static class StackCapture
{
    private const int MaxFrames = 16;
    private const int MaxBytes = 2048;

    // Frames of this library above the program's first frame are left out.
    private static readonly string? s_ownAssembly = typeof(StackCapture).Assembly.GetName().Name;

    // Creates everything that Take needs.
    public static void Prepare()
    {
        _ = s_ownAssembly;
        _ = StackTable.Instance;
    }

    // Returns the stack's number in the table. Never throws, because callers are between two steps: if managed memory
    // is out, the stack is unknown.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Take(StackTable table)
    {
        try
        {
            return Resolve(table);
        }
        catch (OutOfMemoryException)
        {
            return StackTable.None;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Resolve(StackTable table)
    {
        Span<byte> text = stackalloc byte[MaxBytes];
        StackTrace trace = new(skipFrames: 2, fNeedFileInfo: false);
        int length = 0;
        int frames = 0;
        for (int i = 0; i < trace.FrameCount && frames < MaxFrames; i++)
        {
            if (DescribeCaller(trace.GetFrame(i)) is { } name && (frames > 0 || !name.IsOwn))
            {
                int added = Append(text[length..], name.Text);
                length += added;
                frames += added > 0 ? 1 : MaxFrames;
            }
        }

        return length == 0 ? StackTable.None : table.Add(text[..length]);
    }

    // Whether a method belongs to this library.
    public static bool IsOwn(DiagnosticMethodInfo method)
    {
        ReadOnlySpan<char> assembly = method.DeclaringAssemblyName.AsSpan();
        int comma = assembly.IndexOf(',');
        return (comma < 0 ? assembly : assembly[..comma]).SequenceEqual(s_ownAssembly.AsSpan());
    }

    private static (string Text, bool IsOwn)? DescribeCaller(StackFrame? frame)
    {
        DiagnosticMethodInfo? method = frame is null ? null : DiagnosticMethodInfo.Create(frame);
        if (method is null)
        {
            return null;
        }

        return ($"   at {method.DeclaringTypeName}.{method.Name}\n", IsOwn(method));
    }

    // Leaves out a frame that does not fit, and those below it.
    private static int Append(Span<byte> text, string line) =>
        Utf8Text.Write(line, text);
}
