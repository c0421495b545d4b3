using Hakmem.Tests.Conformance;

namespace Hakmem.Tests.Faults;

public sealed class EveryFourthCallRefusedConformance() : AllocatorConformance(new RefusedAllocator(4));
