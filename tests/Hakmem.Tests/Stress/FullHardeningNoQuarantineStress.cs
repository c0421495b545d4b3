namespace Hakmem.Tests.Stress;

public sealed class FullHardeningNoQuarantineStress()
    : StressConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full, QuarantineBytes = 0 }))
{
    protected override int TotalSteps => 8_000;
}
