using System;

namespace Hakmem.Tests.Stress;

// Many blocks are sampled, and the profiler is there from the first block to the last.
public sealed class ProfiledStress : StressConformance, IDisposable
{
    private readonly HakmemProfiler _profiler;

    public ProfiledStress()
        : this(new HakmemAllocator())
    {
    }

    private ProfiledStress(HakmemAllocator heap)
        : base(heap)
    {
        _profiler = HakmemProfiler.Start(heap, meanSampleBytes: 16 << 10);
    }

    protected override int TotalSteps => 40_000;

    public new void Dispose()
    {
        _profiler.Dispose();
        base.Dispose();
    }
}
