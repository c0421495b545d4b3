namespace Hakmem.Tests.Conformance;

public sealed class PopulateConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { Prefault = PrefaultMode.Populate, LazyZero = LazyZeroMode.Off }));
