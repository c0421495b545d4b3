namespace Hakmem.Tests.Conformance;

public sealed class FallbackHeapConformance() : AllocatorConformance(HakmemAllocator.CreateFallback());
