using System;
using System.Runtime.InteropServices;

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
