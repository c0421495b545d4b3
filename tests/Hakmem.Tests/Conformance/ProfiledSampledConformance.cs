using System;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// A small mean, so that many blocks are sampled.
[Category(TestCategory.Stress)]
public sealed class ProfiledSampledConformance : AllocatorConformance, IDisposable
{
    private const long MeanSampleBytes = 4096;

    private readonly HakmemProfiler _profiler;

    public ProfiledSampledConformance()
        : this(new HakmemAllocator(new HakmemOptions { GuardedSampleInterval = 7 }))
    {
    }

    private ProfiledSampledConformance(HakmemAllocator heap)
        : base(heap)
    {
        _profiler = HakmemProfiler.Start(heap, MeanSampleBytes);
    }

    protected override nuint SizeStep => 997;

    public new void Dispose()
    {
        _profiler.Dispose();
        base.Dispose();
    }
}
