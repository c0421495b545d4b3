namespace Hakmem.Tests.Conformance;

// Some blocks lie between guard pages.
public sealed class CheckedSampledConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Checked, GuardedSampleInterval = 7 }))
{
    protected override nuint SizeStep => 997;
}
