using System;
using System.Runtime.InteropServices;

namespace Hakmem.Reclaim;

// An object without owners whose finalizer runs after each collection of the oldest generation and makes it finalizable again. So a process
// that collects has its heaps looked at, and one that is idle, which does not collect, has nothing run. While it is young itself its finalizer
// runs after collections of younger generations too: they are told by their count, and wake nothing. What it wakes is held weakly.
internal sealed class Gen2GcCallback
{
    // A handle, since a WeakReference becomes unreachable together with this object, and would have been finalized before it.
    private GCHandle _timer;

    // How many collections of the oldest generation there were when it last looked. The finalizer's thread alone changes it.
    private int _collections = GC.CollectionCount(GC.MaxGeneration);

    private Gen2GcCallback(DecayTimer timer) => _timer = GCHandle.Alloc(timer, GCHandleType.Weak);

    ~Gen2GcCallback()
    {
        if (_timer.Target is not DecayTimer timer)
        {
            _timer.Free();
        }
        else if (!Environment.HasShutdownStarted)
        {
            int collections = GC.CollectionCount(GC.MaxGeneration);
            if (collections != _collections)
            {
                _collections = collections;
                timer.ScheduleAll();
            }

            GC.ReRegisterForFinalize(this);
        }
    }

    public static void Attach(DecayTimer timer) => _ = new Gen2GcCallback(timer);
}
