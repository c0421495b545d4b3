using System;
using System.Runtime.InteropServices;
using Hakmem.Os;

namespace Hakmem.Reclaim;

// An unreferenced object whose finalizer runs after each collection of the oldest generation and registers the object
// for finalization again. So the heaps of a process that collects are run, and nothing runs in an idle process, which
// does not collect. While the object is young its finalizer also runs after collections of younger generations: the
// count of collections excludes those. It refers to the timer weakly.
internal sealed class Gen2GcCallback
{
    // A handle, since a WeakReference becomes unreachable together with this object, and could be finalized before it.
    private GCHandle _timer;

    // The number of collections of the oldest generation at the last call. Only the finalizer's thread changes it.
    private int _collections = GC.CollectionCount(GC.MaxGeneration);

    private Gen2GcCallback(DecayTimer timer) => _timer = GCHandle.Alloc(timer, GCHandleType.Weak);

    unsafe ~Gen2GcCallback()
    {
        FinalizerStep.Run(this, &Run);

        static bool Run(object callback) => ((Gen2GcCallback)callback).IsDone();
    }

    public static void Attach(DecayTimer timer) => _ = new Gen2GcCallback(timer);

    // The handle is not allocated if there was no memory for it: the finalizer of an object whose constructor threw
    // runs too.
    private bool IsDone()
    {
        if (!_timer.IsAllocated)
        {
            return true;
        }

        if (_timer.Target is not DecayTimer timer)
        {
            _timer.Free();
            return true;
        }

        ManagedMemory.Need("Gen2GcCallback");
        int collections = GC.CollectionCount(GC.MaxGeneration);
        if (collections != _collections)
        {
            _collections = collections;
            timer.ScheduleAll();
        }

        return false;
    }
}
