using Hakmem.Tests.Faults;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// The promises hold while some of the system calls are refused.
[Category(TestCategory.Stress)]
public sealed class RefusedFullConformance() : AllocatorConformance(new RefusedHeap(HardeningLevel.Full))
{
    protected override nuint SizeStep => 997;
}
