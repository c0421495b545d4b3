namespace Hakmem.Tests.Conformance;

public sealed class CheckedPoolConformance()
    : HeapPoolConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Checked }));
