namespace Hakmem.Tests.Conformance;

public sealed class FallbackPoolConformance() : HeapPoolConformance(HakmemAllocator.CreateFallback());
