using Hakmem.Tests.Faults;

namespace Hakmem.Tests.Stress;

public sealed class RefusedStandardStress() : RefusedStress(new RefusedHeap(HardeningLevel.Standard))
{
    protected override int TotalSteps => 40_000;
}
