using System;
using Hakmem.Api;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Guarded;

// A sampled block is told by its usable size, which is exactly what was asked for. The bounds are six standard
// deviations away or more.
public sealed unsafe class SamplingRateTests
{
    private const int Interval = 100;
    private const int Allocations = 100_000;

    [Theory]
    [InlineData(50)]
    [InlineData(200)]
    [InlineData(1_000)]
    [InlineData(5_000)]
    public void OneInTheIntervalIsSampledOfAllocationsAndFreesInTurn(int bytes)
    {
        using HakmemAllocator heap = new(new HakmemOptions { GuardedSampleInterval = Interval });
        int sampled = CountSampled(heap, bytes, Allocations);
        Assert.InRange(sampled, Allocations / Interval * 8 / 10, Allocations / Interval * 12 / 10);
    }

    // By bytes a block is sampled as a profiler samples it, up to 256 KiB.
    [Theory]
    [InlineData(50)]
    [InlineData(1_000)]
    [InlineData(20_000)]
    [InlineData(200_000)]
    public void BytesAreSampledWithTheChanceOfAProfiler(int bytes)
    {
        using HakmemAllocator heap = new(new HakmemOptions { GuardedSampleBytes = 100L * bytes });
        int sampled = CountSampled(heap, bytes, Allocations);
        double expected = Allocations * (1 - Math.Exp(-(double)heap.GoodSize((nuint)bytes) / (100L * bytes)));
        Assert.InRange(sampled, expected * 0.8, expected * 1.2);
    }

    // Both at once: rates add up.
    [Fact]
    public void AnIntervalAndBytesAreSampledTogether()
    {
        using HakmemAllocator heap = new(
            new HakmemOptions { GuardedSampleInterval = Interval, GuardedSampleBytes = 200 * Interval });
        double expected = Allocations * (1 - ((1 - (1.0 / Interval)) * Math.Exp(-208.0 / (200 * Interval))));
        Assert.InRange(CountSampled(heap, 200, Allocations), expected * 0.8, expected * 1.2);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData((1L << 40) + 1)]
    public void BytesOutOfTheirRangeAreRefused(long bytes) => Assert.Throws<ArgumentOutOfRangeException>(
        () => new HakmemAllocator(new HakmemOptions { GuardedSampleBytes = bytes }));

    [Fact]
    public void BlocksAbove256KiBAreNotSampled()
    {
        using HakmemAllocator heap = new(new HakmemOptions { GuardedSampleBytes = 1, GuardedSampleInterval = 1 });
        Assert.Equal((nuint)(256 << 10), heap.UsableSize(heap.Alloc(256 << 10)));
        Assert.NotEqual((nuint)((256 << 10) + 1), heap.UsableSize(heap.Alloc((256 << 10) + 1)));
    }

    // A thread that allocates a few blocks and ends is sampled as any other.
    [Fact]
    public void ThreadsThatAllocateLittleAreSampledToo()
    {
        const int Threads = 200;
        using HakmemAllocator heap = new(new HakmemOptions { GuardedSampleInterval = 20 });
        int sampled = 0;
        for (int i = 0; i < Threads; i++)
        {
            Workers.Run(1, _ => sampled += CountSampled(heap, 200, 10));
        }

        Assert.InRange(sampled, Threads * 10 / 20 / 2, Threads * 10 / 20 * 2);
    }

    // Samples of a profiler and guarded ones, each with its own chance.
    [Theory]
    [InlineData(200, 20_000)]
    [InlineData(200, 400)]
    [InlineData(5_000, 100_000)]
    public void AProfilerBesideChangesNeither(int bytes, long mean)
    {
        using HakmemAllocator heap = new(new HakmemOptions { GuardedSampleInterval = Interval });
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, mean);
        double chance = 1 - Math.Exp(-(double)heap.GoodSize((nuint)bytes) / mean);

        // A profiled sample that is not guarded has its usable size rounded up.
        int guarded = CountSampled(heap, bytes, Allocations);
        Assert.InRange(guarded, Allocations / Interval * 8 / 10, Allocations / Interval * 12 / 10);
        double error = 5 * Math.Sqrt(Allocations * (1 - chance) / chance);
        Assert.InRange(profiler.Capture().AllocatedObjects, Allocations - error - 1, Allocations + error + 1);
        profiler.Dispose();
        Assert.InRange(
            CountSampled(heap, bytes, Allocations), Allocations / Interval * 8 / 10, Allocations / Interval * 12 / 10);
    }

    // Every second block is guarded, which says nothing of whether it is profiled.
    [Fact]
    public void GuardedBlocksAreProfiledAsOthersAre()
    {
        const int Count = 20_000;
        const long Mean = 2_000;
        using HakmemAllocator heap = new(new HakmemOptions { GuardedSampleInterval = 2 });
        using HakmemProfiler profiler = Profilers.StartUnbounded(heap, Mean);
        Assert.InRange(CountSampled(heap, 200, Count), Count / 2 * 0.9, Count / 2 * 1.1);
        double chance = 1 - Math.Exp(-208.0 / Mean);
        double error = 5 * Math.Sqrt(Count * (1 - chance) / chance);
        Assert.InRange(profiler.Capture().AllocatedObjects, Count - error, Count + error);
        Assert.Equal(0, profiler.Capture().InUseObjects);
    }

    [Fact]
    public void NoneIsSampledByDefault()
    {
        using HakmemAllocator heap = new();
        for (int i = 0; i < Allocations; i++)
        {
            void* block = heap.Alloc(200);
            Assert.Equal((nuint)208, heap.UsableSize(block));
            heap.Free(block);
        }
    }

    [Fact]
    public void SamplingStopsWhileLiveSamplesTakeTheirRoom()
    {
        using HakmemAllocator heap = new(new HakmemOptions { GuardedSampleInterval = 1 });
        int sampled = 0;
        for (int i = 0; i < 5_000; i++)
        {
            sampled += heap.UsableSize(heap.Alloc(50)) == 50 ? 1 : 0;
        }

        // 32 MiB of ranges; the last may go beyond.
        nuint range = RangeBytes(ProcessArena.Instance!.Os);
        Assert.Equal((int)(((32 << 20) + range - 1) / range), sampled);
    }

    // Until the process's limit is known, 16 SuperSlabs are admitted; a sample that needs one more asks for the limit.
    [Fact]
    public void SamplesDoNotEndWhereTheLimitIsNotYetKnown()
    {
        using FaultyMemory os = new() { MemoryLimit = 1L << 30 };
        Arena arena = new(os, TestArena.DefaultBytes, new MemoryLimit(os));
        using HakmemAllocator heap = new(new HakmemOptions { GuardedSampleInterval = 1 }, arena);
        heap.Free(heap.Alloc(50));

        int most = (int)((32 << 20) / RangeBytes(os));
        Assert.True(most * (long)RangeBytes(os) > 15L * Geometry.SlabBytes);
        for (int i = 0; i < most; i++)
        {
            Assert.Equal((nuint)50, heap.UsableSize(heap.Alloc(50)));
        }
    }

    // Bytes must be no size of a class.
    private static int CountSampled(HakmemAllocator heap, int bytes, int allocations)
    {
        int sampled = 0;
        for (int i = 0; i < allocations; i++)
        {
            void* block = heap.Alloc((nuint)bytes);
            sampled += heap.UsableSize(block) == (nuint)bytes ? 1 : 0;
            heap.Free(block);
        }

        return sampled;
    }

    // Of a small block: three pages in whole units of 64 KiB.
    private static nuint RangeBytes(OsMemory os) =>
        ((3 * os.PageSize) + Geometry.UnitBytes - 1) / Geometry.UnitBytes * Geometry.UnitBytes;
}
