using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

public sealed class SharedRegionConformance()
    : AllocatorConformance(new RegionTestHeap(new HakmemAllocator(), isShared: true))
{
    protected override nuint SizeStep => 997;
}
