namespace Hakmem.Tests.Stress;

public sealed class IsolatedHeapStress() : StressConformance(new HakmemAllocator());
