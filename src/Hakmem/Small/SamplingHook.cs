using Hakmem.Records;

namespace Hakmem.Small;

// The one place where allocations are sampled: a heap has a hook or none. The slow paths ask it before they serve a
// request and tell it what they have served. A heap with a hook makes every class paired and its magazines small
// (SizeClassInfo.CreateTable), and sets ThreadCache.CountsAllocations, so that no allocation goes by uncounted.
//
// Thread-safe: it keeps its countdown in the calling thread's cache.
internal abstract unsafe class SamplingHook
{
    // A block in place of the one that would be served, if a sample is due; otherwise null.
    public abstract void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed);

    // Counts allocations that were served, or that the inlined path can serve from now on.
    public abstract void CountAllocations(ThreadCache* cache, int allocations);
}
