namespace Hakmem.Tests.Stress;

public sealed class SomeBlockSampledStress() : StressConformance(new HakmemAllocator(new HakmemOptions { GuardedSampleInterval = 7 }))
{
    protected override int TotalSteps => 8_000;
}
