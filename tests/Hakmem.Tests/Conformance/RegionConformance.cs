using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

public sealed class RegionConformance()
    : AllocatorConformance(new RegionTestHeap(new HakmemAllocator()))
{
    protected override nuint SizeStep => 997;
}
