namespace Hakmem.Tests.Conformance;

public sealed class FullPoolConformance()
    : HeapPoolConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full }));
