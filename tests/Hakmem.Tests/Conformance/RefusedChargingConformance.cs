using Hakmem.Tests.Faults;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// The promises hold where a discard decommits, while some of the system calls are refused.
[Category(TestCategory.Stress)]
public sealed class RefusedChargingConformance()
    : AllocatorConformance(new RefusedHeap(HardeningLevel.Standard, ChargingMemory.Create()));
