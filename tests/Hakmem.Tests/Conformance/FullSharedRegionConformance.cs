using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

public sealed class FullSharedRegionConformance()
    : AllocatorConformance(
        new RegionTestHeap(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full }), isShared: true))
{
    protected override nuint SizeStep => 997;
}
