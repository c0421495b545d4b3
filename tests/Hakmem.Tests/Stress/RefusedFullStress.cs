using Hakmem.Tests.Faults;

namespace Hakmem.Tests.Stress;

public sealed class RefusedFullStress() : RefusedStress(new RefusedHeap(HardeningLevel.Full))
{
    protected override int TotalSteps => 2_000;
}
