namespace Hakmem.Tests.Conformance;

public sealed class SharedHeapConformance() : AllocatorConformance(HakmemAllocator.Shared);
