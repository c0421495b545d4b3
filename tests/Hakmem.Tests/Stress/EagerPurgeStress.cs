namespace Hakmem.Tests.Stress;

// Small thread caches and no cache of SuperSlabs: spans and SuperSlabs come and go while others look.
public sealed class EagerPurgeStress() : StressConformance(new HakmemAllocator(new HakmemOptions
{
    ThreadCacheBytes = 16 << 10,
    LazyZero = LazyZeroMode.Immediate,
    SuperSlabCacheBytes = 4 << 20,
}));
