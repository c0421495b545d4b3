using Hakmem.Events;
using Hakmem.Os;

namespace Hakmem.Profiling;

// A call of a heap under a lock that code of the program may want. Dispose it after the lock.
internal readonly ref struct DeferredCallouts
{
    private readonly bool _hasBegun;

    private DeferredCallouts(bool hasBegun) => _hasBegun = hasBegun;

    // Not a constructor: `default` and `new DeferredCallouts()` would begin nothing, and look as if they did.
    public static DeferredCallouts Begin()
    {
        Callouts.Defer();
        return new DeferredCallouts(true);
    }

    public void Dispose()
    {
        if (_hasBegun && Callouts.EndDefer())
        {
            HeapSampler.ResolveDeferred();
            HakmemEventSource.TellDeferred();
            Callouts.TellDeferred();
        }
    }
}
