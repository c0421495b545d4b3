using Hakmem.Tests.Faults;

namespace Hakmem.Tests.Stress;

public sealed class RefusedCheckedStress() : RefusedStress(new RefusedHeap(HardeningLevel.Checked))
{
    protected override int TotalSteps => 40_000;
}
