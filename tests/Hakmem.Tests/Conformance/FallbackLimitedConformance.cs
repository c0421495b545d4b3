using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

[Category(TestCategory.Stress)]
public sealed class FallbackLimitedConformance()
    : AllocatorConformance(HakmemAllocator.CreateFallback(new HakmemOptions { MaxBytes = 1L << 30 }));
