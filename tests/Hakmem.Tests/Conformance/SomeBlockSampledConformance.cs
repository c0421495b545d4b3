using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

[Category(TestCategory.Stress)]
public sealed class SomeBlockSampledConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { GuardedSampleInterval = 7 }))
{
    protected override nuint SizeStep => 997;
}
