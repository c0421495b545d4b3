using Hakmem.Events;
using Hakmem.Os;
using Hakmem.Profiling;

namespace Hakmem.Api;

// A call of a heap under a lock that code of the program may want. Dispose it after the lock.
internal readonly ref struct DeferredCallouts
{
    // The heap; null for the default, which has begun nothing.
    private readonly HakmemAllocator? _heap;

    private DeferredCallouts(HakmemAllocator heap) => _heap = heap;

    // Not a constructor: `default` and `new DeferredCallouts()` would begin nothing, and look as if they did.
    public static DeferredCallouts Begin(HakmemAllocator heap)
    {
        Callouts.Defer();
        return new DeferredCallouts(heap);
    }

    public void Dispose()
    {
        if (_heap is not null && Callouts.EndDefer())
        {
            HeapSampler.ResolveDeferred();
            HakmemEventSource.TellDeferred();
            _heap.NotifyUsed();
        }
    }
}
