namespace Hakmem.Tests.Stress;

public sealed class FullHardeningStress() : StressConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full }))
{
    protected override int TotalSteps => 8_000;
}
