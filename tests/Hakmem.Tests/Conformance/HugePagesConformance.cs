using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

[Category(TestCategory.Stress)]
public sealed class HugePagesConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { HugePages = HugePageMode.Always, Prefault = PrefaultMode.Touch }));
