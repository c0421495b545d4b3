namespace Hakmem.Tests.Stress;

public sealed class CheckedStress() : StressConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Checked }))
{
    protected override int TotalSteps => 400_000;
}
