using Hakmem.Tests.Conformance;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Tags;

[Category(TestCategory.Stress)]
public sealed class LimitedTagConformance()
    : AllocatorConformance(new TaggedTestHeap(new HakmemAllocator(), isLimited: true))
{
    protected override nuint SizeStep => 997;
}
