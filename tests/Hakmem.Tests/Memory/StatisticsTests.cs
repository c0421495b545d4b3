using System;
using System.Linq;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Memory;

// The figures of an isolated heap that one thread uses, where they are exact.
public sealed unsafe class StatisticsTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void AnUnusedHeapHasNothing()
    {
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, statistics.LiveBytes);
        Assert.Equal(0, statistics.CachedBytes);
        Assert.Equal(0, statistics.CommittedBytes);
        Assert.Equal(0, statistics.DirtyBytes);
        Assert.Equal(0, statistics.SuperSlabsInUse);
        Assert.Equal(0, statistics.SuperSlabsCached);
        Assert.Empty(statistics.SizeClasses);
    }

    [Fact]
    public void LiveFiguresFollowEveryCall()
    {
        BlockLedger ledger = new(_heap);
        foreach (nuint size in BlockSizes.ClassBoundaries)
        {
            ledger.Allocate(size);
            ledger.AssertStatisticsMatch();
        }

        for (int i = 0; i < ledger.Count; i += 3)
        {
            ledger.Resize(i, ledger[i].Bytes + 1);
            ledger.AssertStatisticsMatch();
        }

        foreach (nuint size in BlockSizes.LargeSizes)
        {
            ledger.Allocate(size);
            ledger.AssertStatisticsMatch();
        }

        while (ledger.Count > 0)
        {
            ledger.Free(ledger.Count / 2);
            ledger.AssertStatisticsMatch();
        }
    }

    [Fact]
    public void LiveBytesAreCommittedAndReserved()
    {
        BlockLedger ledger = new(_heap);
        for (int i = 0; i < 2_000; i++)
        {
            ledger.Allocate((nuint)i);
        }

        ledger.Allocate(BlockSizes.Large);
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.True(statistics.CommittedBytes >= ledger.UsableBytes + statistics.CachedBytes);
        Assert.True(statistics.PeakCommittedBytes >= statistics.CommittedBytes);
        Assert.True(statistics.ReservedBytes >= statistics.CommittedBytes);
        Assert.True(statistics.DirtyBytes <= statistics.CommittedBytes);
        Assert.True(statistics.DirtyBytes > 0);
        Assert.True(statistics.SuperSlabsInUse > 0);
        Assert.Equal(0, statistics.CommittedBytes % (long)BlockSizes.SuperSlab);
    }

    [Fact]
    public void ThePeakStaysWhenTheMemoryGoes()
    {
        _heap.Free(_heap.Alloc(30 * BlockSizes.MiB));
        _heap.Trim();
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(0, statistics.CommittedBytes);
        Assert.True(statistics.PeakCommittedBytes >= 30 << 20);
    }

    [Fact]
    public void TheSizeClassesAddUp()
    {
        // Up to a mebibyte, so that every live block belongs to a class.
        Random random = new(3);
        BlockLedger ledger = new(_heap);
        for (int i = 0; i < 3_000; i++)
        {
            ledger.Allocate(BlockSizes.RandomSmall(random));
        }

        for (int i = 0; i < 1_000; i++)
        {
            ledger.Free(random.Next(ledger.Count));
        }

        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(ledger.Count, statistics.SizeClasses.Sum(row => row.LiveBlocks));
        Assert.Equal(ledger.UsableBytes, statistics.SizeClasses.Sum(row => row.LiveBlocks * row.BlockBytes));
        Assert.Equal(statistics.SizeClasses.OrderBy(row => row.BlockBytes), statistics.SizeClasses);
        foreach (SizeClassStatistics row in statistics.SizeClasses)
        {
            Assert.Contains((nuint)row.BlockBytes, BlockSizes.Classes);
            Assert.Equal(ledger.Blocks.Count(block => (long)block.Bytes == row.BlockBytes), row.LiveBlocks);
            Assert.True(row.CachedBlocks >= 0);
            Assert.True(row.Spans > 0);
            Assert.True((row.LiveBlocks + row.CachedBlocks) * row.BlockBytes <= row.SpanBytes);
        }
    }

    [Fact]
    public void FiguresCountEveryThreadsBlocks()
    {
        Workers.Run(4, index =>
        {
            for (int i = 0; i < 500; i++)
            {
                Block.Allocate(_heap, BlockSizes.Tiny, 1);
            }
        });
        Assert.Equal(2_000, _heap.GetStatistics().LiveBlocks);
        Assert.Equal(2_000 * 64, _heap.GetStatistics().LiveBytes);
    }

    [Fact]
    public void ThreadCachesCountThreadsThatUsedTheHeap()
    {
        Workers.RunOne(() =>
        {
            _heap.Free(_heap.Alloc(BlockSizes.Tiny));
            Assert.True(_heap.GetStatistics().ThreadCaches >= 1);
        });
        _heap.Trim();
        Workers.RunOne(() => Assert.InRange(_heap.GetStatistics().ThreadCaches, 0, 1));
    }

    [Fact]
    public void TheTableNamesWhatItCounts()
    {
        BlockLedger ledger = new(_heap);
        ledger.Allocate(112);
        string table = _heap.GetStatistics().ToString();
        Assert.True(table.Split('\n').Length > 2, table);
        Assert.Contains("112", table, StringComparison.Ordinal);
    }
}
