using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Xunit;

namespace Hakmem.Tests.Small;

// Blocks below a cache line: a thread allocates them only from spans of its own stripe, wherever they are freed.
public sealed unsafe class StripedBlocksTests : IDisposable
{
    private const int LineBytes = 64;
    private const int BlockCount = 3000;

    private readonly HakmemAllocator _heap = new();

    public static TheoryData<int> Sizes => [16, 32, 48];

    public void Dispose() => _heap.Dispose();

    [Theory]
    [MemberData(nameof(Sizes))]
    public void ThreadsThatReplaceDealtBlocksEndUpWithLinesOfTheirOwn(int size)
    {
        nint[] dealt = NewBlocks(size, BlockCount);
        new Random(1).Shuffle(dealt);
        nint[] first = dealt[..(BlockCount / 2)];
        nint[] second = dealt[(BlockCount / 2)..];
        Assert.NotEmpty(LinesOf(first).Intersect(LinesOf(second)));

        // Both threads live until both are done: one that ended would leave its cache to the other.
        RunBeside(() => ReplaceAll(first, size), () => ReplaceAll(second, size));
        Assert.Empty(LinesOf(first).Intersect(LinesOf(second)));
        FreeAll(first);
        FreeAll(second);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void BlocksFreedElsewhereComeHomeToTheThreadThatAllocatedThem(int size)
    {
        nint[] blocks = NewBlocks(size, BlockCount);
        nint[] others = [];
        RunBeside(() => FreeAll(blocks), () => others = NewBlocks(size, BlockCount));
        Assert.Empty(blocks.Intersect(others));
        nint[] again = NewBlocks(size, BlockCount);

        // But for those in a magazine that is not full, at most 253 blocks, which are on their way still.
        Assert.InRange(again.Intersect(blocks).Count(), BlockCount - (2 * 253), BlockCount);
        FreeAll(again);
        FreeAll(others);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        Assert.Empty(_heap.Verify().Problems);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void TrimReturnsBlocksOnTheirWayHome(int size)
    {
        nint[] blocks = NewBlocks(size, BlockCount);
        RunBeside(
            () =>
            {
                FreeAll(blocks);
                _heap.Trim();

                // One may stay with a thread that waits in native code.
                Assert.InRange(CachedBlocksOf(size), 0, 1);
            },
            () => { });
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    // The reaper takes them from the cache of a thread that waits.
    [Theory]
    [MemberData(nameof(Sizes))]
    public void TrimTakesBlocksOnTheirWayFromIdleThreads(int size)
    {
        nint[] blocks = NewBlocks(size, BlockCount);
        RunBeside(
            () => FreeAll(blocks),
            () =>
            {
                _heap.Trim();
                Assert.InRange(CachedBlocksOf(size), 0, 1);
            });
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    // A thread that ends leaves them to the thread that adopts its cache.
    [Theory]
    [MemberData(nameof(Sizes))]
    public void BlocksOnTheirWayOutliveTheThreadThatFreedThem(int size)
    {
        nint[] blocks = NewBlocks(size, BlockCount);
        Thread ended = new(() => FreeAll(blocks));
        ended.Start();
        ended.Join();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        _heap.Trim();

        // Its cache was flushed: nothing was lost with the record.
        Assert.Equal(0, _heap.GetStatistics().CachedBytes);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        Assert.Empty(_heap.GetStatistics().SizeClasses);
        Assert.Empty(_heap.Verify().Problems);
    }

    // Nobody could make room for the record of a cache: such a thread belongs to the first stripe.
    [Theory]
    [MemberData(nameof(Sizes))]
    public void ThreadsWithoutACacheAllocateAndFreeAsWell(int size)
    {
        using SpanLayer layer = new(SpanLayer.Ageless);
        using HakmemAllocator heap = new(new HakmemOptions(), layer.Arena);
        void* first = heap.Alloc((nuint)size);
        layer.Os.RefuseAll(OsCall.Reserve);
        while (layer.Arena.Metadata.TryAllocate(64) != null)
        {
        }

        Thread other = new(() =>
        {
            void* block = heap.Alloc((nuint)size);
            heap.Free(block);
            heap.Free(first);
        });
        other.Start();
        other.Join();
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    // All 32 units belong to the stripe of the thread that filled the heap.
    [Theory]
    [MemberData(nameof(Sizes))]
    public void FullHeapServesAThreadFromBlocksOfAnotherStripe(int size)
    {
        using HakmemAllocator full = new(new HakmemOptions { MaxBytes = 2 << 20 });
        List<nint> blocks = [];
        while (full.TryAlloc((nuint)size, out void* block))
        {
            blocks.Add((nint)block);
        }

        // Far fewer than a span has, so that none becomes empty.
        nint[] freed = blocks.Where((_, i) => i % 1000 == 500).ToArray();
        Array.ForEach(freed, block => full.Free((void*)block));
        full.Trim();
        nint[] served = new nint[freed.Length];
        RunBeside(
            () =>
            {
                for (int i = 0; i < served.Length; i++)
                {
                    served[i] = (nint)full.Alloc((nuint)size);
                }
            },
            () => { });
        Assert.Equal(freed.Order(), served.Order());
    }

    // What the thread freed just now waits in its cache for its way home. Without a look there, each allocation would
    // reclaim the whole heap.
    [Theory]
    [MemberData(nameof(Sizes))]
    public void FullHeapRecyclesBlocksOfAnotherStripeWithoutReclaiming(int size)
    {
        using HakmemAllocator full = new(new HakmemOptions { MaxBytes = 2 << 20 });
        List<nint> blocks = [];
        while (full.TryAlloc((nuint)size, out void* block))
        {
            blocks.Add((nint)block);
        }

        long before = full.ReclaimRounds;
        RunBeside(
            () =>
            {
                for (int i = 0; i < 100; i++)
                {
                    full.Free((void*)blocks[i]);
                    blocks[i] = (nint)full.Alloc((nuint)size);
                }
            },
            () => { });
        Assert.InRange(full.ReclaimRounds, before, before + 1);
        Assert.Equal(blocks.Count, blocks.Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void StatisticsHaveOneRowForAllStripesOfAClass(int size)
    {
        nint[] blocks = NewBlocks(size, 10);
        nint[] others = [];
        RunBeside(() => others = NewBlocks(size, 20), () => { });
        SizeClassStatistics row = Assert.Single(_heap.GetStatistics().SizeClasses, row => row.BlockBytes == size);
        Assert.Equal((size, 30, 2), (row.BlockBytes, row.LiveBlocks, row.Spans));
        FreeAll(others);
        FreeAll(blocks);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void SecondFreeOnAnotherThreadIsFound(int size)
    {
        nint[] blocks = NewBlocks(size, 8);
        RunBeside(
            () =>
            {
                _heap.Free((void*)blocks[0]);
                Assert.Throws<HakmemCorruptionException>(() => _heap.Free((void*)blocks[0]));
            },
            () => { });
    }

    [Fact]
    public void ClassesOfALineAndMoreAreSharedByAllThreads()
    {
        nint[] blocks = NewBlocks(LineBytes, BlockCount);
        nint[] others = [];
        RunBeside(
            () =>
            {
                FreeAll(blocks);
                others = NewBlocks(LineBytes, BlockCount);
            },
            () => { });
        Assert.NotEmpty(blocks.Intersect(others));
        FreeAll(others);
    }

    // Runs two bodies one after the other, each on a thread that has used the heap and lives until both are done.
    private void RunBeside(Action first, Action second)
    {
        using Barrier barrier = new(2);
        Exception? failure = null;
        Thread[] threads = [.. new[] { first, second }.Select((body, turn) => new Thread(() =>
        {
            _heap.Free(_heap.Alloc(1024));
            barrier.SignalAndWait();
            for (int i = 0; i < 2; i++)
            {
                try
                {
                    if (i == turn)
                    {
                        body();
                    }
                }
                catch (Exception e)
                {
                    failure = e;
                }

                barrier.SignalAndWait();
            }
        }))];
        _heap.Free(_heap.Alloc(1024));
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Null(failure);
    }

    private void ReplaceAll(nint[] blocks, int size)
    {
        // Twice: what replaces the first ones may be a dealt block that was freed just before.
        for (int i = 0; i < 2 * blocks.Length; i++)
        {
            _heap.Free((void*)blocks[i % blocks.Length]);
            blocks[i % blocks.Length] = (nint)_heap.Alloc((nuint)size);
        }
    }

    private nint[] NewBlocks(int size, int count)
    {
        nint[] blocks = new nint[count];
        for (int i = 0; i < count; i++)
        {
            blocks[i] = (nint)_heap.Alloc((nuint)size);
        }

        return blocks;
    }

    private long CachedBlocksOf(int size) =>
        _heap.GetStatistics().SizeClasses.Sum(row => row.BlockBytes == size ? row.CachedBlocks : 0);

    private void FreeAll(nint[] blocks) => Array.ForEach(blocks, block => _heap.Free((void*)block));

    private static HashSet<nint> LinesOf(nint[] blocks) => [.. blocks.Select(block => block / LineBytes)];
}
