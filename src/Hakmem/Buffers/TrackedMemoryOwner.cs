using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Hakmem.Profiling;

namespace Hakmem;

// An owner that reports when it is dropped undisposed. The finalizer reports and never frees: a Memory<T> keeps this
// object alive, but a span or a pointer into the block does not.
internal sealed class TrackedMemoryOwner<T>(PoolCore<T> core) : NativeMemoryOwner<T>(core)
{
    // The stack that made the current rental, if the pool captures stacks.
    public StackTrace? RentalStack { get; set; }

#pragma warning disable CA2015 // The rule is about finalizers that free memory; this one does not.
    ~TrackedMemoryOwner()
    {
        if (IsRented)
        {
            Core.ReportLeak(Length, RentalStack);
        }
    }
#pragma warning restore CA2015

    // For an owner that was returned and will not be used again.
#pragma warning disable CA1816 // The pool calls this, and Dispose calls the pool.
    public void EndTracking() => GC.SuppressFinalize(this);
#pragma warning restore CA1816

    // The stack begins with the caller of the pool. How many frames are the pool's own depends on what the compiler has
    // inlined or compiled to a jump.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static StackTrace CaptureStack()
    {
        StackTrace all = new(skipFrames: 1, fNeedFileInfo: false);
        int own = 0;
        while (all.GetFrame(own) is { } frame &&
            DiagnosticMethodInfo.Create(frame) is { } method && StackCapture.IsOwn(method))
        {
            own++;
        }

        return new StackTrace(own + 1, fNeedFileInfo: true);
    }
}
