using Hakmem.Tests.Conformance;

namespace Hakmem.Tests.Faults;

public sealed class EverySeventhCallRefusedConformance() : AllocatorConformance(new RefusedAllocator(7));
