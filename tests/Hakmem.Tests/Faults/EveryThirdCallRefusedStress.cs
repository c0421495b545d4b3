using Hakmem.Tests.Stress;

namespace Hakmem.Tests.Faults;

public sealed class EveryThirdCallRefusedStress() : StressConformance(new RefusedAllocator(3));
