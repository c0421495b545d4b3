using Hakmem.Api;
using Hakmem.Records;
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

        // 32 MiB of ranges of three pages in whole units of 64 KiB; the last may go beyond.
        nuint rangeUnits = ((3 * ProcessArena.Instance!.Os.PageSize) + Geometry.UnitBytes - 1) / Geometry.UnitBytes;
        Assert.Equal((int)((512 + rangeUnits - 1) / rangeUnits), sampled);
    }
}
