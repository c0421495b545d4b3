using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Hakmem.Profiling;

namespace Hakmem;

// An owner whose pool is told when it is dropped undisposed. The finalizer reports and never frees: a Memory<T> would have kept this
// object alive, but a span or a pointer does not.
internal sealed class TrackedMemoryOwner<T>(RentalBook<T> book) : NativeMemoryOwner<T>(book)
{
    // Where the current rental was made, if the pool wants to know.
    private StackTrace? _rentalStack;

#pragma warning disable CA2015 // It frees nothing, which is what the rule is about.
    ~TrackedMemoryOwner()
    {
        if (IsRented)
        {
            Book.ReportLeak(Length, _rentalStack);
        }
    }
#pragma warning restore CA2015

    // This owner was returned and will not be used again.
#pragma warning disable CA1816 // Called by the pool, which Dispose calls.
    public void EndTracking() => GC.SuppressFinalize(this);
#pragma warning restore CA1816

    // The stack begins with whoever called the pool. How many frames are the pool's own depends on what the compiler has inlined or made a jump.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void CaptureStack()
    {
        StackTrace all = new(skipFrames: 1, fNeedFileInfo: false);
        int own = 0;
        while (all.GetFrame(own) is { } frame && DiagnosticMethodInfo.Create(frame) is { } method && StackCapture.IsOwn(method))
        {
            own++;
        }

        _rentalStack = new StackTrace(own + 1, fNeedFileInfo: true);
    }
}
