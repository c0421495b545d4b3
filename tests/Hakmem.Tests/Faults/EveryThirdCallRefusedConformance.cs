using Hakmem.Tests.Conformance;

namespace Hakmem.Tests.Faults;

public sealed class EveryThirdCallRefusedConformance() : AllocatorConformance(new RefusedAllocator(3));
