using System;

namespace Hakmem.Tests.Conformance;

// A small mean, so that many blocks are sampled.
public sealed class ProfiledHeapConformance : AllocatorConformance, IDisposable
{
    private const long MeanSampleBytes = 16 << 10;

    private readonly HakmemProfiler _profiler;

    public ProfiledHeapConformance()
        : this(new HakmemAllocator())
    {
    }

    private ProfiledHeapConformance(HakmemAllocator heap)
        : base(heap)
    {
        _profiler = HakmemProfiler.Start(heap, MeanSampleBytes);
    }

    public new void Dispose()
    {
        _profiler.Dispose();
        base.Dispose();
    }
}
