namespace Hakmem.Tests.Conformance;

public sealed class IsolatedHeapConformance() : AllocatorConformance(new HakmemAllocator());
