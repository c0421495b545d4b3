using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Hakmem.Profiling;

// The calling thread's call stack as text, from the caller of this library on. Slow (the runtime resolves each frame) and not free of
// garbage: for sampled blocks, and where call stacks were asked for. Takes no lock of the heap's and must be called under none.
internal static class StackCapture
{
    private const int MaxFrames = 16;
    private const int MaxBytes = 2048;

    // Frames of this library above the program's first are left out.
    private static readonly string? s_ownAssembly = typeof(StackCapture).Assembly.GetName().Name;

    // Makes what Take needs, so that it need not.
    public static void Prepare()
    {
        _ = s_ownAssembly;
        _ = StackTable.Instance;
    }

    // The stack's number in the table. Never throws: a caller may be between two steps. Where managed memory is out, the
    // stack is unknown.
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

    // Whether a method is this library's.
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

    // A frame that does not fit is left out, with those below it.
    private static int Append(Span<byte> text, string line) =>
        Utf8Text.Write(line, text);
}
