using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using Hakmem.Os;

namespace Hakmem.Profiling;

// The calling thread's call stack as text, from the caller of this library on. Slow (the runtime resolves each frame,
// under locks of its own, hence FrameworkCall) and allocates managed memory, so only sampled blocks and CaptureStacks
// use it. Must be called under no lock.
internal static unsafe class StackCapture
{
    private const int MaxFrames = 16;
    private const int MaxBytes = 2048;

    // Frames of this library above the program's first frame are left out.
    // Null before the first use. Threads that come at once write equal ones.
    private static string? s_ownAssembly;

    // Creates everything that Take needs, and has the runtime load what it names methods with: a handler of loaded
    // assemblies runs here then, and not in the middle of an allocation.
    public static void Prepare()
    {
        _ = OwnAssembly;
        _ = StackTable.Instance;
        Span<byte> text = stackalloc byte[MaxBytes];
        _ = Utf8Text.Write(DescribeCaller(new StackFrame(0, false))?.Text ?? string.Empty, text);
        _ = new StackTrace(fNeedFileInfo: false).FrameCount;
    }

    // Returns the stack's number in the table; the text has at most maxFrames frames and maxBytes bytes. Does not throw
    // if managed memory is out, because callers are between two steps: the stack is unknown then. It is unknown too if
    // the thread is so deep in recursion that naming the methods, which takes some pages, could overflow its stack.
    // With an owner the text begins with its line.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Take(
        StackTable table, int maxFrames = MaxFrames, int maxBytes = MaxBytes, ISampleOwner? owner = null)
    {
        if (!HasStackLeft())
        {
            return StackTable.None;
        }

        Request state = new() { Table = table, MaxFrames = maxFrames, MaxBytes = maxBytes, Owner = owner };
        return FrameworkCall.IsDone(ref state, &Resolve) ? state.Number : StackTable.None;
    }

    private static string? OwnAssembly => s_ownAssembly ??= typeof(StackCapture).Assembly.GetName().Name;

    // Sets the request's number.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Resolve(ref Request request)
    {
        Span<byte> text = stackalloc byte[request.MaxBytes];
        StackTrace trace = new(skipFrames: 2, fNeedFileInfo: false);
        int length = request.Owner is null ? 0 : Utf8Text.Write(SampleOwnership.LineOf(request.Owner), text);
        int frames = 0;
        for (int i = 0; i < trace.FrameCount && frames < request.MaxFrames; i++)
        {
            if (DescribeCaller(trace.GetFrame(i)) is { } name && (frames > 0 || !name.IsOwn))
            {
                // A frame that does not fit is left out, with those below it.
                int added = Utf8Text.Write(name.Text, text[length..]);
                length += added;
                frames += added > 0 ? 1 : request.MaxFrames;
            }
        }

        request.Number = length == 0 ? StackTable.None : request.Table.Add(text[..length]);
    }

    // Whether a method belongs to this library.
    public static bool IsOwn(DiagnosticMethodInfo method)
    {
        ReadOnlySpan<char> assembly = method.DeclaringAssemblyName.AsSpan();
        int comma = assembly.IndexOf(',');
        return (comma < 0 ? assembly : assembly[..comma]).SequenceEqual(OwnAssembly.AsSpan());
    }

#if NET
    private static bool HasStackLeft() => RuntimeHelpers.TryEnsureSufficientExecutionStack();
#else
    // The runtime has it, if it is not too old; what the reach target offers throws, which needs stack itself.
    private static readonly Func<bool>? s_hasStackLeft = (Func<bool>?)Delegate.CreateDelegate(
        typeof(Func<bool>), typeof(RuntimeHelpers), "TryEnsureSufficientExecutionStack", ignoreCase: false,
        throwOnBindFailure: false);

    private static bool HasStackLeft() => s_hasStackLeft?.Invoke() ?? true;
#endif

    private struct Request
    {
        public StackTable Table;
        public int MaxFrames;
        public int MaxBytes;
        public ISampleOwner? Owner;
        public int Number;
    }

    private static (string Text, bool IsOwn)? DescribeCaller(StackFrame? frame)
    {
        DiagnosticMethodInfo? method = frame is null ? null : DiagnosticMethodInfo.Create(frame);
        return method is null ? null : ($"   at {method.DeclaringTypeName}.{method.Name}\n", IsOwn(method));
    }
}

// UTF-8 text for records that are read where no managed code can run.
internal static unsafe class Utf8Text
{
    // Writes a text, or nothing if it does not fit; returns the number of bytes.
    public static int Write(string text, Span<byte> into)
    {
        if (into.IsEmpty || Encoding.UTF8.GetByteCount(text) > into.Length)
        {
            return 0;
        }

        // SAFETY: both buffers are pinned, and the byte count was checked.
        fixed (char* characters = text)
        fixed (byte* bytes = into)
        {
            return Encoding.UTF8.GetBytes(characters, text.Length, bytes, into.Length);
        }
    }
}
