namespace Hakmem.Tests.Conformance;

// Memory that empties is discarded at once, and its address range given back at once.
public sealed class EagerPurgeConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { LazyZero = LazyZeroMode.Immediate, SuperSlabCacheCount = 0 }));
