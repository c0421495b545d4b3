using Hakmem.Tests.Conformance;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Tags;

[Category(TestCategory.Stress)]
public sealed class TaggedFallbackConformance()
    : AllocatorConformance(new TaggedTestHeap(HakmemAllocator.CreateFallback(), isLimited: true))
{
    protected override nuint SizeStep => 997;
}
