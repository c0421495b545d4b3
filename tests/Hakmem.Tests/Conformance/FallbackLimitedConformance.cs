namespace Hakmem.Tests.Conformance;

public sealed class FallbackLimitedConformance()
    : AllocatorConformance(HakmemAllocator.CreateFallback(new HakmemOptions { MaxBytes = 1L << 30 }));
