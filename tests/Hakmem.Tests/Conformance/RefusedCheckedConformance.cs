using Hakmem.Tests.Faults;

namespace Hakmem.Tests.Conformance;

// The promises hold while some of the system calls are refused.
public sealed class RefusedCheckedConformance() : AllocatorConformance(new RefusedHeap(HardeningLevel.Checked));
