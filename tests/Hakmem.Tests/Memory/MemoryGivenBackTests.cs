using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Memory;

// After everything is freed, Trim gives back all but a stated constant, from any thread, with threads dead or alive.
[Category(TestCategory.Stress)]
public sealed unsafe class MemoryGivenBackTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void EachKindOfSizeIsGivenBackEntirely()
    {
        nuint[] sizes =
            [1, BlockSizes.Tiny, 1_024, 1_025, 10_000, BlockSizes.Mid, BlockSizes.MiB, BlockSizes.SuperSlab, BlockSizes.Large];
        foreach (nuint size in sizes)
        {
            UseAndFree(size, 32 * BlockSizes.MiB);
            AssertNothingLeftAfterTrim();
        }
    }

    [Fact]
    public void AMixIsGivenBackEntirely()
    {
        UseAndFreeMix(seed: 1);
        AssertNothingLeftAfterTrim();
        UseAndFreeMix(seed: 2);
        AssertNothingLeftAfterTrim();
    }

    [Fact]
    public void AlignedBlocksAreGivenBackEntirely()
    {
        List<Block> blocks = [];
        for (nuint alignment = 1; alignment <= 16 * BlockSizes.MiB; alignment *= 2)
        {
            blocks.Add(Block.Filled(_heap.AlignedAlloc(1_000, alignment), 1_000, 1));
            blocks.Add(Block.Filled(_heap.AlignedAlloc(BlockSizes.SuperSlab, alignment), BlockSizes.SuperSlab, 2));
        }

        blocks.ForEach(block => block.VerifyAndFree(_heap));
        AssertNothingLeftAfterTrim();
    }

    [Fact]
    public void ThreadsThatDiedLeaveNothing()
    {
        Workers.Run(8, UseAndFreeMix);
        AssertNothingLeftAfterTrim();
    }

    [Fact]
    public void BlocksOfDeadThreadsFreedByAnotherLeaveNothing()
    {
        ConcurrentQueue<Block> blocks = new();
        Workers.Run(4, index =>
        {
            Random random = new(index);
            for (int i = 0; i < 5_000; i++)
            {
                blocks.Enqueue(Block.Allocate(_heap, BlockSizes.RandomSmall(random), (uint)i));
            }
        });
        Workers.RunOne(() =>
        {
            while (blocks.TryDequeue(out Block block))
            {
                block.VerifyAndFree(_heap);
            }
        });
        AssertNothingLeftAfterTrim();
    }

    [Fact]
    public void TrimFromAThreadThatNeverUsedTheHeapGivesBackEverything()
    {
        Workers.Run(2, UseAndFreeMix);
        Workers.RunOne(_heap.Trim);
        AssertNothingLeft();
    }

    [Fact]
    public void WaitingThreadsKeepNothing()
    {
        const int Threads = 4;
        void Use(int index)
        {
            UseAndFreeMix(index);
            UseAndFree(BlockSizes.Tiny, 8 * BlockSizes.MiB);
            UseAndFree(BlockSizes.Mid, 8 * BlockSizes.MiB);
        }

        Workers.RunAndHold(Threads, Use, whileIdle: () =>
        {
            AssertNothingLeftAfterTrim();

            // And can go on.
            UseAndFreeMix(Threads);
        });
        AssertNothingLeftAfterTrim();
    }

    [Fact]
    public void AnIdleThreadsCacheHoldsNoMoreThanItMay()
    {
        // Beyond the budget, each class that the thread uses may have two blocks.
        const int Threads = 3;
        const long Budget = 256 << 10;
        nuint[] sizes = [64, 1_024, BlockSizes.Mid];
        long most = Threads * (Budget + (2 * sizes.Sum(size => (long)BlockSizes.ClassOf(size))));
        using HakmemAllocator heap = new(new HakmemOptions { ThreadCacheBytes = Budget });
        void Use(int index)
        {
            foreach (nuint size in sizes)
            {
                UseAndFree(heap, size, 4 * BlockSizes.MiB);
            }
        }

        Workers.RunAndHold(Threads, Use, whileIdle: () =>
        {
            heap.Trim();
            Assert.InRange(heap.GetStatistics().CachedBytes, 0, most);
        });
        heap.Trim();
        Assert.Equal(0, heap.GetStatistics().CommittedBytes);
    }

    [Fact]
    public void GenerationsOfThreadsDoNotPileUpWithoutATrim()
    {
        // Each thread has a mebibyte of tiny blocks and frees them all before it dies. Nothing here waits for the garbage
        // collector or trims: dead threads' caches must be taken over by those that come after.
        const long PeakBytes = 24L << 20;
        for (int generation = 0; generation < 150; generation++)
        {
            Workers.Run(2, _ => UseAndFree(BlockSizes.Tiny, BlockSizes.MiB));
        }

        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.True(
            statistics.PeakCommittedBytes <= PeakBytes,
            $"{statistics.PeakCommittedBytes} bytes were committed for 2 MiB of live blocks.");
        AssertNothingLeftAfterTrim();
    }

    [Fact]
    public void WhatIsFreedInOneClassIsRoomForAnother()
    {
        // Without a trim: spans that emptied must not stay with their class. And without looks by time or after a
        // collection: what is being purged is nobody's meanwhile, so that the peak may be a SuperSlab more.
        const long PeakBytes = 96L << 20;
        using TestArena test = new(2 * PeakBytes);
        using HakmemAllocator heap = new(new HakmemOptions(), test.Arena);
        foreach (nuint size in BlockSizes.Classes)
        {
            UseAndFree(heap, size, 16 * BlockSizes.MiB);
        }

        HakmemStatistics statistics = heap.GetStatistics();
        Assert.True(
            statistics.PeakCommittedBytes <= PeakBytes,
            $"{statistics.PeakCommittedBytes} bytes were committed for 16 MiB of live blocks.");
    }

    private void UseAndFreeMix(int seed)
    {
        Random random = new(seed);
        List<Block> blocks = [];
        for (int i = 0; i < 4_000; i++)
        {
            blocks.Add(Block.Allocate(_heap, BlockSizes.RandomSmall(random), (uint)i));
        }

        for (int i = 0; i < 6; i++)
        {
            blocks.Add(Block.Allocate(_heap, (nuint)random.Next(1 << 20, 6 << 20), (uint)i));
        }

        Block[] order = [.. blocks];
        random.Shuffle(order);
        Array.ForEach(order, block => block.VerifyAndFree(_heap));
    }

    private void UseAndFree(nuint size, nuint totalBytes) => UseAndFree(_heap, size, totalBytes);

    private static void UseAndFree(HakmemAllocator heap, nuint size, nuint totalBytes)
    {
        List<Block> blocks = [];
        nuint count = nuint.Min(totalBytes / size, 200_000) + 1;
        for (nuint i = 0; i < count; i++)
        {
            blocks.Add(Block.Allocate(heap, size, (uint)i));
        }

        blocks.ForEach(block => block.VerifyAndFree(heap));
    }

    private void AssertNothingLeftAfterTrim()
    {
        _heap.Trim();
        AssertNothingLeft();
    }

    private void AssertNothingLeft()
    {
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, statistics.LiveBytes);
        Assert.Equal(0, statistics.CachedBytes);
        Assert.Equal(0, statistics.DirtyBytes);
        Assert.Equal(0, statistics.SuperSlabsInUse);
        Assert.Equal(0, statistics.SuperSlabsCached);
        Assert.Equal(0, statistics.CommittedBytes);
    }
}
