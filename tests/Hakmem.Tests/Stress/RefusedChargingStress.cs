using Hakmem.Tests.Faults;
using Hakmem.Tests.Os;

namespace Hakmem.Tests.Stress;

public sealed class RefusedChargingStress() : RefusedStress(new RefusedHeap(HardeningLevel.Standard, ChargingMemory.Create()))
{
    protected override int TotalSteps => 40_000;

    protected override bool KeepsCommitted => false;
}
