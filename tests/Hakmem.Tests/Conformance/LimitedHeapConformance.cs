namespace Hakmem.Tests.Conformance;

// A limit that is never reached changes nothing.
public sealed class LimitedHeapConformance() : AllocatorConformance(new HakmemAllocator(new HakmemOptions { MaxBytes = 1L << 30 }));
