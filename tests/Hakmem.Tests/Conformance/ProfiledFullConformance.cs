using System;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Conformance;

// A small mean, so that many blocks are sampled.
[Category(TestCategory.Stress)]
public sealed class ProfiledFullConformance : AllocatorConformance, IDisposable
{
    private const long MeanSampleBytes = 16 << 10;

    private readonly HakmemProfiler _profiler;

    public ProfiledFullConformance()
        : this(new HakmemAllocator(new HakmemOptions { Hardening = HardeningLevel.Full }))
    {
    }

    private ProfiledFullConformance(HakmemAllocator heap)
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
