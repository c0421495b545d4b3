namespace Hakmem.Tests.Conformance;

// Every call goes through the depot.
public sealed class NoThreadCacheConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { ThreadCacheBytes = 0 }));
