namespace Hakmem.Tests.Stress;

public sealed class FallbackStress() : StressConformance(HakmemAllocator.CreateFallback());
