using System;
using System.Collections.Concurrent;
using System.Linq;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

// Estimates against what was really allocated, within five standard errors: one run in a million fails by chance.
public sealed unsafe class ProfilerEstimateTests
{
    private const double Errors = 5;

    // The sizes, and how many allocations give some thousand samples of each.
    public static TheoryData<int, int, long> Sizes => new()
    {
        { 16, 1_000_000, 4 << 10 },
        { 40, 1_000_000, 8 << 10 },
        { 100, 1_000_000, 16 << 10 },
        { 256, 500_000, 32 << 10 },
        { 300, 500_000, 32 << 10 },
        { 1_000, 300_000, 64 << 10 },
        { 5_000, 100_000, 128 << 10 },
        { 40_000, 30_000, 256 << 10 },
        { 300_000, 10_000, 1 << 20 },
        { 1 << 20, 5_000, 2 << 20 },
        { 3 << 20, 3_000, 4 << 20 },
        { 100 << 20, 1_000, 200 << 20 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void ABlockAllocatedAndFreedInTurnIsCountedUnbiased(int bytes, int count, long mean)
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, mean);
        for (int i = 0; i < count; i++)
        {
            heap.Free(heap.Alloc((nuint)bytes));
        }

        HeapProfile profile = profiler.Capture();
        RequireEstimate(profile.AllocatedObjects, profile.AllocatedBytes, bytes, count, mean);
        Assert.Equal(0, profile.InUseObjects);
        Assert.Equal(0, profile.InUseBytes);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void LiveBlocksAreCountedUnbiasedAndGoneWhenFreed(int bytes, int count, long mean)
    {
        count = (int)Math.Min(count / 4, (256L << 20) / bytes);
        if (count < 50)
        {
            // Too many for the machine's memory to be sure of.
            return;
        }

        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, mean);
        nint[] blocks = new nint[count];
        for (int i = 0; i < count; i++)
        {
            blocks[i] = (nint)(i % 3 == 0 ? heap.AllocZeroed((nuint)bytes) : heap.Alloc((nuint)bytes));
        }

        HeapProfile full = profiler.Capture();
        RequireEstimate(full.InUseObjects, full.InUseBytes, bytes, count, mean);
        Assert.Equal(full.AllocatedBytes, full.InUseBytes);
        foreach (nint block in blocks)
        {
            heap.Free((void*)block, (nuint)bytes);
        }

        HeapProfile empty = profiler.Capture();
        Assert.Equal(0, empty.InUseBytes);
        Assert.Equal(0, empty.InUseObjects);
        Assert.Equal(full.AllocatedBytes, empty.AllocatedBytes);
        Assert.Equal(full.InUseBytes, profiler.CapturePeak().InUseBytes);
        Assert.True(heap.Verify().IsSound);
    }

    // The slow paths of all modes count, whatever else they do.
    [Theory]
    [InlineData(HardeningLevel.Standard, 20, null)]
    [InlineData(HardeningLevel.Checked, 0, null)]
    [InlineData(HardeningLevel.Full, 0, null)]
    [InlineData(HardeningLevel.Standard, 0, 0)]
    public void EveryModeIsCountedUnbiased(HardeningLevel hardening, int guardedInterval, int? threadCacheBytes)
    {
        const long Mean = 256 << 10;
        HakmemOptions options = new() { Hardening = hardening, GuardedSampleInterval = guardedInterval };
        options = threadCacheBytes is { } bytes ? options with { ThreadCacheBytes = bytes } : options;
        using HakmemAllocator heap = new(options);
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, Mean);
        const int Count = 60_000;
        const int Bytes = 3_000;
        for (int i = 0; i < Count; i++)
        {
            heap.Free(heap.Alloc(Bytes));
        }

        HeapProfile profile = profiler.Capture();
        RequireEstimate(profile.AllocatedObjects, profile.AllocatedBytes, Bytes, Count, Mean);
        Assert.Equal(0, profile.InUseObjects);
    }

    [Fact]
    public void AMixtureOfSizesIsCountedUnbiased()
    {
        const long Mean = 64 << 10;
        const int Count = 200_000;
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, Mean);
        Seeded.Run(seed =>
        {
            Random random = new(seed);
            nint[] slots = new nint[500];
            double sum = 0;
            double variance = 0;
            for (int i = 0; i < Count; i++)
            {
                int bytes = 1 << random.Next(4, 15);
                int slot = random.Next(slots.Length);
                heap.Free((void*)slots[slot]);
                slots[slot] = (nint)heap.Alloc((nuint)bytes);
                double p = ChanceOf(bytes, Mean);
                sum += bytes;
                variance += (double)bytes * bytes * (1 - p) / p;
            }

            double error = Errors * Math.Sqrt(variance);
            Assert.InRange(profiler.Capture().AllocatedBytes, sum - error, sum + error);
            Array.ForEach(slots, slot => heap.Free((void*)slot));
            Assert.Equal(0, profiler.Capture().InUseBytes);
        });
    }

    // A block that Realloc moves is one more; one that it leaves where it is counts as it did.
    [Fact]
    public void ResizedBlocksAreCountedUnbiased()
    {
        const long Mean = 64 << 10;
        const int Count = 100_000;
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, Mean);
        for (int i = 0; i < Count; i++)
        {
            void* block = heap.Alloc(1_000);
            block = heap.Realloc(block, 700);
            heap.Free(heap.Realloc(block, 3_000));
        }

        HeapProfile profile = profiler.Capture();
        double error = Errors * Math.Sqrt(Count * ((VarianceOf(1_000, Mean)) + VarianceOf(3_000, Mean)));
        Assert.InRange(profile.AllocatedBytes, (Count * 4_000.0) - error, (Count * 4_000.0) + error);
        Assert.Equal(0, profile.InUseBytes);
    }

    // Large zeroed blocks come from spans, past the magazines.
    [Fact]
    public void ZeroedBlocksOfSpansAreCountedUnbiased()
    {
        const int Bytes = 40_000;
        const int Count = 4_000;
        const long Mean = 256 << 10;
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, Mean);
        for (int i = 0; i < Count; i++)
        {
            heap.AllocZeroed(Bytes);
        }

        HeapProfile profile = profiler.Capture();
        RequireEstimate(profile.InUseObjects, profile.InUseBytes, Bytes, Count, Mean);
    }

    [Fact]
    public void AChangedMeanLeavesTheEstimatesUnbiased()
    {
        const int Bytes = 200;
        const int Count = 400_000;
        const long LargestMean = 32 << 10;
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, LargestMean);
        for (int i = 0; i < Count; i++)
        {
            if (i % 1_000 == 0)
            {
                profiler.MeanSampleBytes = LargestMean >> (i / 1_000 % 4);
            }

            heap.Free(heap.Alloc(Bytes));
        }

        HeapProfile profile = profiler.Capture();
        RequireEstimate(profile.AllocatedObjects, profile.AllocatedBytes, Bytes, Count, LargestMean);
    }

    [Fact]
    public void BlocksFreedByOtherThreadsAreCountedUnbiased()
    {
        const int Bytes = 500;
        const int Count = 100_000;
        const long Mean = 32 << 10;
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, Mean);
        using BlockingCollection<nint> queue = new(boundedCapacity: 2_000);
        Workers.Run(2, index =>
        {
            for (int i = 0; i < Count && index == 0; i++)
            {
                queue.Add((nint)heap.Alloc(Bytes));
            }

            for (int i = 0; i < Count && index == 1; i++)
            {
                heap.Free((void*)queue.Take());
            }
        });

        HeapProfile profile = profiler.Capture();
        RequireEstimate(profile.AllocatedObjects, profile.AllocatedBytes, Bytes, Count, Mean);
        Assert.Equal(0, profile.InUseObjects);
    }

    // Far more samples a second than may be taken: the mean rises, and falls when there are fewer.
    [Theory]
    [InlineData(64, 20_000_000, 4 << 10, 1_000)]
    [InlineData(3 << 20, 20_000, 4 << 20, 2_000)]
    public void ABoundOnTheSamplesLeavesTheEstimatesUnbiased(int bytes, int count, long mean, long maxPerSecond)
    {
        using HakmemAllocator heap = new();
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, mean);
        profiler.MaxSamplesPerSecond = maxPerSecond;
        long largestMean = mean;
        for (int i = 0; i < count; i++)
        {
            heap.Free(heap.Alloc((nuint)bytes));
            if (i % 100 == 0)
            {
                largestMean = Math.Max(largestMean, profiler.CurrentMeanSampleBytes);
            }
        }

        HeapProfile profile = profiler.Capture();
        Assert.True(largestMean > mean, "So many allocations take less time than that.");
        RequireEstimate(profile.AllocatedObjects, profile.AllocatedBytes, bytes, count, largestMean);
        Assert.InRange(profile.Samples.Sum(sample => sample.SampleCount), 1, count * ChanceOf(bytes, mean) / 2);
        profiler.MaxSamplesPerSecond = long.MaxValue;
        Assert.Equal(mean, profiler.CurrentMeanSampleBytes);
    }

    // Requires both estimates to lie within the errors of Binomial(count, p) samples.
    private static void RequireEstimate(long objects, long bytes, int size, int count, long mean)
    {
        double p = ChanceOf(size, mean);
        double error = Errors * Math.Sqrt(count * (1 - p) / p);
        Assert.InRange(objects, (long)(count - error) - 1, (long)(count + error) + 1);
        Assert.InRange(bytes, (long)((count - error) * size) - 1, (long)((count + error) * size) + 1);
    }

    private static double VarianceOf(int size, long mean) =>
        (double)size * size * (1 - ChanceOf(size, mean)) / ChanceOf(size, mean);

    private static double ChanceOf(int size, long mean)
    {
        double block = size > 1 << 20 ? size : (double)HakmemAllocator.Shared.GoodSize((nuint)size);
        return 1 - Math.Exp(-block / mean);
    }
}
