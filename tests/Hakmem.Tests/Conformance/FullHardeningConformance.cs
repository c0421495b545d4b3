namespace Hakmem.Tests.Conformance;

public sealed class FullHardeningConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full }))
{
    protected override nuint SizeStep => 997;
}
