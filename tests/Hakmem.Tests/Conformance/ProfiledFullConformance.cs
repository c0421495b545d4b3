using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

[Category(TestCategory.Stress)]
public sealed class ProfiledFullConformance()
    : ProfiledConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full }))
{
    protected override nuint SizeStep => 997;
}
