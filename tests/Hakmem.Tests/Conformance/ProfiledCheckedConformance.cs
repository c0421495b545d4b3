using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

[Category(TestCategory.Stress)]
public sealed class ProfiledCheckedConformance()
    : ProfiledConformance(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Checked }))
{
    protected override nuint SizeStep => 997;
}
