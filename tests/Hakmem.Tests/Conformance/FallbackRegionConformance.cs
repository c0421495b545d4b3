using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

public sealed class FallbackRegionConformance()
    : AllocatorConformance(new RegionTestHeap(HakmemAllocator.CreateFallback()))
{
    protected override nuint SizeStep => 997;
}
