namespace Hakmem.Tests.Stress;

public sealed class EveryBlockSampledStress() : StressConformance(new HakmemAllocator(new HakmemOptions { GuardedSampleInterval = 1 }))
{
    protected override int TotalSteps => 6_000;
}
