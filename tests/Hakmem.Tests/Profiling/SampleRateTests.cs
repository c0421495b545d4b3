using System;
using System.Collections.Generic;
using System.Diagnostics;
using Hakmem.Profiling;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

// How the mean between samples follows their rate, by a clock of the test's own.
public sealed unsafe class SampleRateTests
{
    private const long Mean = 1_000;
    private const int MaxPerSecond = 1_000;

    private SampleRate _rate = new(Mean, MaxPerSecond);
    private long _now = 12_345;

    [Fact]
    public void TheMeanStaysWhileSamplesComeAtMostAsFastAsTheyMay()
    {
        Run(bytesPerSecond: 900 * Mean, seconds: 10);
        Assert.Equal(Mean, _rate.MeanBytes);
    }

    // A program allocates bytes at a steady rate: the mean that gives as many samples as may be taken is known.
    [Theory]
    [InlineData(4)]
    [InlineData(1_000)]
    [InlineData(100_000)]
    public void TheMeanRisesToWhatGivesAsManySamplesAsMayBeTaken(int factor)
    {
        Run((double)factor * MaxPerSecond * Mean, seconds: 4);
        Assert.InRange(_rate.MeanBytes, factor * Mean * 0.9, factor * Mean * 1.1);
        Assert.InRange(Run((double)factor * MaxPerSecond * Mean, seconds: 4), 3_500, 4_500);
    }

    // The next sample that comes shows that there are fewer.
    [Fact]
    public void TheMeanFallsWhenTheProgramAllocatesLess()
    {
        Run(1_000.0 * MaxPerSecond * Mean, seconds: 4);
        Run(MaxPerSecond * Mean / 2.0, seconds: 10);
        Assert.Equal(Mean, _rate.MeanBytes);
    }

    [Fact]
    public void TheMeanHasABound()
    {
        for (int i = 0; i < 100 * SampleRate.WindowSamples; i++)
        {
            _rate.Note(_now, 1);
        }

        Assert.Equal(Mean << 20, _rate.MeanBytes);
        SampleRate large = new(HeapSampler.MaxMeanBytes, 1);
        for (int i = 0; i < 100 * SampleRate.WindowSamples; i++)
        {
            large.Note(_now, 1);
        }

        Assert.Equal(HeapSampler.MaxMeanBytes, large.MeanBytes);
    }

    // Each thread has drawn its next sample of each class in advance: so many come that were drawn by the mean of then.
    // With samples counted alike the mean would reach some hundred times what it should be.
    [Fact]
    public void SamplesDrawnLongAgoDoNotRaiseTheMeanTooFar() => Seeded.Run(seed =>
    {
        const double Factor = 10;
        const int Countdowns = 1_000;
        Random random = new(seed);
        double bytesPerSecond = Factor * MaxPerSecond * Mean;
        PriorityQueue<long, long> countdowns = new();
        SampleRate rate = new(Mean, MaxPerSecond);
        for (int i = 0; i < Countdowns; i++)
        {
            countdowns.Enqueue(Mean, Ticks(Mean));
        }

        double largest = 0;
        while (countdowns.TryDequeue(out long drawnBy, out long due) && due < 20 * Stopwatch.Frequency)
        {
            rate.Note(due, (double)drawnBy / rate.MeanBytes);
            largest = Math.Max(largest, rate.MeanBytes);
            countdowns.Enqueue(rate.MeanBytes, due + Ticks(rate.MeanBytes));
        }

        // A window of 256 samples is exact to a few times six percent.
        Assert.InRange(largest, Factor * Mean, Factor * Mean * 1.6);
        Assert.InRange(rate.MeanBytes, Factor * Mean * 0.6, Factor * Mean * 1.6);

        // Each countdown has its part of the bytes.
        long Ticks(long mean) =>
            (long)(-Math.Log(1 - random.NextDouble()) * mean * Countdowns / bytesPerSecond * Stopwatch.Frequency);
    });

    // A pause does not count as a time without samples beyond the window that it falls into.
    [Fact]
    public void TheFirstSampleAfterAPauseBeginsAWindow()
    {
        Run(100.0 * MaxPerSecond * Mean, seconds: 1);
        _now += 3_600 * Stopwatch.Frequency;
        Assert.True(_rate.Note(_now, 1));
        Assert.Equal(Mean, _rate.MeanBytes);
        Run(100.0 * MaxPerSecond * Mean, seconds: 1);
        Assert.InRange(_rate.MeanBytes, 90 * Mean, 110 * Mean);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    public void ABoundBelowOneIsRefused(long value)
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap);
        Assert.Throws<ArgumentOutOfRangeException>(() => profiler.MaxSamplesPerSecond = value);
        Assert.Equal(HeapSampler.DefaultMaxPerSecond, profiler.MaxSamplesPerSecond);
        profiler.MaxSamplesPerSecond = 1;
        Assert.Equal(1, profiler.MaxSamplesPerSecond);
    }

    // A mean below the default asks for more samples.
    [Theory]
    [InlineData(512 << 10, 4_096)]
    [InlineData(1L << 40, 4_096)]
    [InlineData(128 << 10, 4 * 4_096)]
    [InlineData(300_000, 7_158)]
    [InlineData(1, (512L << 10) * 4_096)]
    public void ASmallerMeanAllowsMoreSamples(long meanBytes, long maxPerSecond)
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, meanBytes);
        Assert.Equal(maxPerSecond, profiler.MaxSamplesPerSecond);
        Assert.Equal(meanBytes, profiler.CurrentMeanSampleBytes);
    }

    // Blocks far above the mean are few, and all sampled: they are far below the bound, however many bytes they have.
    // And with a mean of a byte nothing is ever left out, as a LeakScope needs it.
    [Theory]
    [InlineData(1, 64 << 10, 2_000)]
    [InlineData(HakmemProfiler.DefaultMeanSampleBytes, 300 << 20, 600)]
    public void FewLargeBlocksDoNotRaiseTheMean(long meanBytes, int bytes, int count)
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = HakmemProfiler.Start(heap, meanBytes);
        profiler.MaxSamplesPerSecond = Math.Max(profiler.MaxSamplesPerSecond, 100_000_000);
        for (int i = 0; i < count; i++)
        {
            heap.Free(heap.Alloc((nuint)bytes));
        }

        Assert.Equal(meanBytes, profiler.CurrentMeanSampleBytes);
    }

    // Samples at the mean of the moment. Returns how many.
    private int Run(double bytesPerSecond, int seconds)
    {
        int samples = 0;
        for (long end = _now + (seconds * Stopwatch.Frequency); _now < end; samples++)
        {
            _now += Math.Max((long)(_rate.MeanBytes / bytesPerSecond * Stopwatch.Frequency), 1);
            _rate.Note(_now, 1);
        }

        return samples;
    }
}
