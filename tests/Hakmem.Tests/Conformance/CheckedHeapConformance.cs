namespace Hakmem.Tests.Conformance;

public sealed class CheckedHeapConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Checked }));
