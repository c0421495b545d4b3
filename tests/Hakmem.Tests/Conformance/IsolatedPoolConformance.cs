namespace Hakmem.Tests.Conformance;

public sealed class IsolatedPoolConformance() : HeapPoolConformance(new HakmemAllocator());
