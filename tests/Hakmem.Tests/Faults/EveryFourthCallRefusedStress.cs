using Hakmem.Tests.Stress;

namespace Hakmem.Tests.Faults;

public sealed class EveryFourthCallRefusedStress() : StressConformance(new RefusedAllocator(4));
