using System;

namespace Hakmem.Diagnosing;

// What measured iterations take from one heap. Not thread-safe.
//
// While few blocks are live, each is a sample and all figures are exact. A sample takes at least 64 KiB of committed
// memory, so a benchmark that leaks cannot go on like that: above ExactBlocks live blocks, larger means keep the number
// of samples near SamplesWanted for each time that the live bytes double, and figures become estimates.
internal sealed class HeapUsage(HakmemAllocator allocator)
{
    // A block of 16 bytes is missed once in ten million times, which its weight makes up for.
    private const long ExactMeanBytes = 1;

    private const long ExactBlocks = 16 << 10;
    private const long SamplesWanted = 8 << 10;

    private readonly HakmemProfiler _profiler = HakmemProfiler.Start(allocator, ExactMeanBytes);
    private HeapProfile? _start;
    private long _retainedBytes;

    public HakmemAllocator Allocator => allocator;

    public long AllocatedBytes { get; private set; }

    // Samples that there was no memory for. The figures lack what they stand for.
    public long LostSamples { get; private set; }

    public bool IsExact => _profiler.MeanSampleBytes == ExactMeanBytes;

    public void StartIteration() => _start = Adapt();

    // Ends an iteration, if one has begun.
    public void StopIteration()
    {
        HeapProfile stop = Adapt();
        if (_start is { } start)
        {
            AllocatedBytes += stop.AllocatedBytes - start.AllocatedBytes;
            _retainedBytes += stop.InUseBytes - start.InUseBytes;
            _start = null;
        }
    }

    // Captures the profile, and has fewer blocks sampled from now on if many are live.
    public HeapProfile Adapt()
    {
        HeapProfile profile = _profiler.Capture();
        LostSamples = profile.LostSamples;
        if (profile.InUseObjects > ExactBlocks)
        {
            _profiler.MeanSampleBytes = Math.Max(_profiler.MeanSampleBytes, profile.InUseBytes / SamplesWanted);
        }

        return profile;
    }

    // Ends the count, and returns the bytes that iterations have left. What an iteration's cleanup has freed since is
    // not live at the end; what an iteration replaces, or takes from an earlier one, is not retained.
    public long Finish()
    {
        long live = Adapt().InUseBytes;
        _profiler.Dispose();
        return Math.Max(0, Math.Min(_retainedBytes, live));
    }
}
