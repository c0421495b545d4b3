using System;

namespace Hakmem.Decay;

// An object without owners whose finalizer runs after each collection of the oldest generation (the first ones after its birth are of younger
// ones) and makes it finalizable again. So a process that collects has its heaps looked at, and one that is idle, which does not collect,
// has nothing run. What it wakes is held weakly.
internal sealed class Gen2Hook
{
    private readonly WeakReference<DecayTimer> _timer;

    private Gen2Hook(DecayTimer timer) => _timer = new WeakReference<DecayTimer>(timer);

    ~Gen2Hook()
    {
        if (!Environment.HasShutdownStarted && _timer.TryGetTarget(out DecayTimer? timer))
        {
            timer.WakeAll();
            GC.ReRegisterForFinalize(this);
        }
    }

    public static void Attach(DecayTimer timer) => _ = new Gen2Hook(timer);
}
