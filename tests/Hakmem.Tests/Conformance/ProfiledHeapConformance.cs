namespace Hakmem.Tests.Conformance;

public sealed class ProfiledHeapConformance() : ProfiledConformance(new HakmemAllocator());
