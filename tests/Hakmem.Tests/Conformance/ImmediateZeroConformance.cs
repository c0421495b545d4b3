using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// Memory that empties is discarded at once, and kept: reuse meets SuperSlabs that are known to be zero.
[Category(TestCategory.Stress)]
public sealed class ImmediateZeroConformance()
    : AllocatorConformance(new HakmemAllocator(new HakmemOptions { LazyZero = LazyZeroMode.Immediate }));
