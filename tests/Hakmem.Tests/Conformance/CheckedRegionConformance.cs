using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

public sealed class CheckedRegionConformance()
    : AllocatorConformance(
        new RegionTestHeap(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Checked })))
{
    protected override nuint SizeStep => 997;
}
