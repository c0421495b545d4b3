using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

[Category(TestCategory.Stress)]
public sealed class PopulateConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { Prefault = PrefaultMode.Populate, LazyZero = LazyZeroMode.Off }));
