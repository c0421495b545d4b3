namespace Hakmem.Tests.Conformance;

// Every freed block is at once what the next allocation may get.
public sealed class FullHardeningNoQuarantineConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full, QuarantineBytes = 0 }))
{
    protected override nuint SizeStep => 997;
}
