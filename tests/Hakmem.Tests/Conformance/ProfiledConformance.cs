using System;

namespace Hakmem.Tests.Conformance;

// A heap that is being profiled: with a small mean, so that many blocks are sampled.
public abstract class ProfiledConformance : AllocatorConformance, IDisposable
{
    private const long MeanSampleBytes = 16 << 10;

    private readonly HakmemProfiler _profiler;

    protected ProfiledConformance(HakmemAllocator heap)
        : base(heap) => _profiler = HakmemProfiler.Start(heap, MeanSampleBytes);

    public new void Dispose()
    {
        _profiler.Dispose();
        base.Dispose();
        GC.SuppressFinalize(this);
    }
}
