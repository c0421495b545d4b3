namespace Hakmem.Tests.Stress;

public sealed class CheckedSampledStress()
    : StressConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Checked, GuardedSampleInterval = 7 }))
{
    protected override int TotalSteps => 8_000;
}
