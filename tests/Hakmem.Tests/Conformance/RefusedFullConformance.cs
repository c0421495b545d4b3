using Hakmem.Tests.Faults;

namespace Hakmem.Tests.Conformance;

// The promises hold while some of the system calls are refused.
public sealed class RefusedFullConformance() : AllocatorConformance(new RefusedHeap(HardeningLevel.Full))
{
    protected override nuint SizeStep => 997;
}
