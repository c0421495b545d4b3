namespace Hakmem.Tests.Stress;

public sealed class SharedHeapStress() : StressConformance(HakmemAllocator.Shared);
