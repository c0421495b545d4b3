using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// Every call goes through the depot.
[Category(TestCategory.Stress)]
public sealed class NoThreadCacheConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { ThreadCacheBytes = 0 }));
