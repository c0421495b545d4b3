using Hakmem.Tests.Conformance;

namespace Hakmem.Tests.Tags;

public sealed class TaggedHeapConformance() : AllocatorConformance(new TaggedTestHeap(new HakmemAllocator()))
{
    protected override nuint SizeStep => 997;
}
