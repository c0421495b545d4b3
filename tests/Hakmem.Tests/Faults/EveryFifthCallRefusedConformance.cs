using Hakmem.Tests.Conformance;

namespace Hakmem.Tests.Faults;

public sealed class EveryFifthCallRefusedConformance() : AllocatorConformance(new RefusedAllocator(5));
