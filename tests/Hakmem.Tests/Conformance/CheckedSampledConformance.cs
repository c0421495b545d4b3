using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// Some blocks lie between guard pages.
[Category(TestCategory.Stress)]
public sealed class CheckedSampledConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Checked, GuardedSampleInterval = 7 }))
{
    protected override nuint SizeStep => 997;
}
