using Hakmem.Tests.Conformance;

namespace Hakmem.Tests.Faults;

public sealed class EveryEleventhCallRefusedConformance() : AllocatorConformance(new RefusedAllocator(11));
