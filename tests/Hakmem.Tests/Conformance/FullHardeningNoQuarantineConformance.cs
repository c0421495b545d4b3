using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// Every freed block is at once what the next allocation may get.
[Category(TestCategory.Stress)]
public sealed class FullHardeningNoQuarantineConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full, QuarantineBytes = 0 }))
{
    protected override nuint SizeStep => 997;
}
