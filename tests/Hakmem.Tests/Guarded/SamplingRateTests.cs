using Hakmem.Api;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Xunit;

namespace Hakmem.Tests.Guarded;

// A sampled block is told by its usable size, which is exactly what was asked for. The bounds are some ten standard deviations away.
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
        int sampled = 0;
        for (int i = 0; i < Allocations; i++)
        {
            void* block = heap.Alloc((nuint)bytes);
            sampled += heap.UsableSize(block) == (nuint)bytes ? 1 : 0;
            heap.Free(block);
        }

        Assert.InRange(sampled, Allocations / Interval * 8 / 10, Allocations / Interval * 12 / 10);
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

    // Of a small block: three pages in whole units of 64 KiB.
    private static nuint RangeBytes(OsMemory os) =>
        ((3 * os.PageSize) + Geometry.UnitBytes - 1) / Geometry.UnitBytes * Geometry.UnitBytes;
}
