using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// Memory that empties is discarded at once, and its address range given back at once.
[Category(TestCategory.Stress)]
public sealed class EagerPurgeConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { LazyZero = LazyZeroMode.Immediate, SuperSlabCacheCount = 0 }));
