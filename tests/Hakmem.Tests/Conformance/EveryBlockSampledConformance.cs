using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

[Category(TestCategory.Stress)]
public sealed class EveryBlockSampledConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { GuardedSampleInterval = 1 }))
{
    protected override nuint SizeStep => 997;
}
