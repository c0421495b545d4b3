using System;
using System.Runtime.InteropServices;

namespace Hakmem.Decay;

// An object without owners whose finalizer runs after each collection of the oldest generation (the first ones after its birth are of younger
// ones) and makes it finalizable again. So a process that collects has its heaps looked at, and one that is idle, which does not collect,
// has nothing run. What it wakes is held weakly.
internal sealed class Gen2Hook
{
    // A handle, since a WeakReference becomes unreachable together with this object, and would have been finalized before it.
    private GCHandle _timer;

    private Gen2Hook(DecayTimer timer) => _timer = GCHandle.Alloc(timer, GCHandleType.Weak);

    ~Gen2Hook()
    {
        if (_timer.Target is not DecayTimer timer)
        {
            _timer.Free();
        }
        else if (!Environment.HasShutdownStarted)
        {
            timer.WakeAll();
            GC.ReRegisterForFinalize(this);
        }
    }

    public static void Attach(DecayTimer timer) => _ = new Gen2Hook(timer);
}
