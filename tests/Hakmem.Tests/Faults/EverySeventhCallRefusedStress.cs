using Hakmem.Tests.Stress;

namespace Hakmem.Tests.Faults;

public sealed class EverySeventhCallRefusedStress() : StressConformance(new RefusedAllocator(7));
