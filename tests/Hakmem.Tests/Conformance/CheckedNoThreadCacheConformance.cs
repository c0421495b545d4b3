using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// Every call goes through the depot.
[Category(TestCategory.Stress)]
public sealed class CheckedNoThreadCacheConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Checked, ThreadCacheBytes = 0 }));
