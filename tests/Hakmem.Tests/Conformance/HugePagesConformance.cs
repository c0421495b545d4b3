namespace Hakmem.Tests.Conformance;

public sealed class HugePagesConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { HugePages = HugePageMode.Always, Prefault = PrefaultMode.Touch }));
