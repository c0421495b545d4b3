using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// MaxBytes: never exceeded, and reaching it leaves a heap that works.
public sealed unsafe class ByteLimitTests
{
    private const long Limit = 16L << 20;

    [Fact]
    public void EachKindOfSizeFillsTheHeapFreesItAndFillsItAgain()
    {
        foreach (nuint size in new nuint[] { 16, 1_024, BlockSizes.Mid, BlockSizes.MiB, BlockSizes.SuperSlab, 5 * BlockSizes.MiB })
        {
            using HakmemAllocator heap = LimitedHeap();
            int first = FillAndFree(heap, size);
            heap.Trim();
            int second = FillAndFree(heap, size);
            Assert.Equal(first, second);

            // At least half of the limit must be there for the caller, whatever the size.
            Assert.True(
                (long)size * first >= (Limit / 2) - (long)size,
                $"Only {first} blocks of {size} bytes fit into {Limit} bytes.");
        }
    }

    [Fact]
    public void FreesMakeRoomWithoutATrim()
    {
        using HakmemAllocator heap = LimitedHeap();
        foreach (nuint size in new nuint[] { 64, BlockSizes.Large, 1_024, BlockSizes.MiB, BlockSizes.SuperSlab, BlockSizes.Mid, BlockSizes.Large })
        {
            Assert.True(FillAndFree(heap, size) >= 1, $"No block of {size} bytes could be had after everything was freed.");
        }
    }

    [Fact]
    public void EveryMemberReportsTheLimit()
    {
        using HakmemAllocator heap = LimitedHeap();
        Block small = Block.Allocate(heap, 100, 1);
        nuint tooMuch = (nuint)Limit + 1;
        Assert.Throws<OutOfMemoryException>(() => heap.Alloc(tooMuch));
        Assert.Throws<OutOfMemoryException>(() => heap.AllocZeroed(tooMuch));
        Assert.Throws<OutOfMemoryException>(() => heap.AlignedAlloc(tooMuch, 64));
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc(null, tooMuch));
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc(small.Pointer, tooMuch));
        Assert.False(heap.TryAlloc(tooMuch, out void* none));
        Assert.True(none is null);
        Assert.False(heap.TryAllocZeroed(tooMuch, out none));
        Assert.False(heap.TryAlignedAlloc(tooMuch, 64, out none));
        Assert.False(heap.TryRealloc(ref none, tooMuch));
        Assert.True(none is null);
        Assert.Throws<OutOfMemoryException>(() => heap.AllocAtLeast(tooMuch, out _));
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc(small.Pointer, tooMuch, 64));
        void* resized = small.Pointer;
        Assert.False(heap.TryRealloc(ref resized, tooMuch));
        Assert.False(heap.TryExpand(small.Pointer, tooMuch));
        Assert.True(resized == small.Pointer);
        Assert.True(heap.GetStatistics().PeakCommittedBytes <= Limit);
        small.VerifyAndFree(heap);
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void AFullHeapFailsEveryMemberAndKeepsItsBlocks()
    {
        using HakmemAllocator heap = LimitedHeap();
        List<Block> blocks = Fill(heap, BlockSizes.Mid);
        while (heap.TryAlloc(BlockSizes.Tiny, out void* tiny))
        {
            blocks.Add(Block.Filled(tiny, BlockSizes.Tiny, (uint)blocks.Count));
        }

        Assert.Throws<OutOfMemoryException>(() => heap.Alloc(BlockSizes.Mid));
        Assert.Throws<OutOfMemoryException>(() => heap.AllocZeroed(BlockSizes.Tiny));
        Assert.Throws<OutOfMemoryException>(() => heap.AlignedAlloc(BlockSizes.Tiny, 64));
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc(null, BlockSizes.Tiny));
        Assert.Throws<OutOfMemoryException>(() => heap.Realloc(blocks[0].Pointer, BlockSizes.SuperSlab));
        blocks.ForEach(block => block.VerifyAndFree(heap));
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void ALimitThatIsNoMultipleOfASuperSlabIsNotExceeded()
    {
        foreach (long limit in new[] { 2L << 20, (2L << 20) + 1, (4L << 20) + 12_345, (6L << 20) - 1 })
        {
            using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = limit });
            List<Block> blocks = Fill(heap, 1_000);
            Assert.True(heap.GetStatistics().PeakCommittedBytes <= limit);
            Assert.True(blocks.Count > 0);
            blocks.ForEach(block => block.VerifyAndFree(heap));
        }
    }

    [Fact]
    public void ThreadsThatRaceForTheLastBytesDoNotExceedTheLimit()
    {
        using HakmemAllocator heap = LimitedHeap();
        using Barrier start = new(4);
        Workers.Run(4, index =>
        {
            nuint size = index % 2 == 0 ? BlockSizes.Mid : BlockSizes.SuperSlab;
            for (int round = 0; round < 20; round++)
            {
                start.SignalAndWait();
                List<Block> blocks = Fill(heap, size);
                blocks.ForEach(block => block.VerifyAndFree(heap));
            }
        });

        HakmemStatistics statistics = heap.GetStatistics();
        Assert.True(statistics.PeakCommittedBytes <= Limit, $"{statistics.PeakCommittedBytes} bytes were committed.");

        // Else the next blocks lie between those in the ended threads' caches, in every SuperSlab, and none is whole for a large block.
        heap.Trim();
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void WhatADeadThreadFreedIsRoomForOthers()
    {
        using HakmemAllocator heap = LimitedHeap();
        foreach (nuint size in new nuint[] { BlockSizes.Tiny, BlockSizes.Mid })
        {
            Workers.RunOne(() => FillAndFree(heap, size));
            Block.Allocate(heap, 12 * BlockSizes.MiB, 1).VerifyAndFree(heap);
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void WhatAWaitingThreadFreedIsRoomForOthers()
    {
        using HakmemAllocator heap = LimitedHeap();
        foreach (nuint size in new nuint[] { BlockSizes.Tiny, BlockSizes.Mid })
        {
            Workers.RunAndHold(
                2,
                index =>
                {
                    List<Block> blocks = index == 0 ? Fill(heap, size) : [];
                    blocks.ForEach(block => block.VerifyAndFree(heap));
                },
                whileIdle: () => Block.Allocate(heap, 12 * BlockSizes.MiB, 1).VerifyAndFree(heap));
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    // What other heaps have taken since the last failure must not hide that something was freed here.
    [Fact]
    public void WhatWasFreedIsRoomWhileOtherHeapsGrow()
    {
        using HakmemAllocator heap = LimitedHeap();
        using HakmemAllocator other = new();

        // The other thread has a cache, so a round is not free of charge.
        Workers.RunAndHold(1, _ => heap.Free(heap.Alloc(BlockSizes.Tiny)), whileIdle: () =>
        {
            List<nint> blocks = [];
            while (heap.TryAlloc(1_024, out void* block))
            {
                blocks.Add((nint)block);
            }

            blocks.ForEach(block => heap.Free((void*)block));
            for (int i = 0; i < 20; i++)
            {
                other.Alloc(4 * BlockSizes.MiB);
            }

            heap.Free(heap.Alloc(12 * BlockSizes.MiB));
        });
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void ALimitOfZeroIsNone()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 0 });
        Block.Allocate(heap, 64 * BlockSizes.MiB, 1).VerifyAndFree(heap);
    }

    private static HakmemAllocator LimitedHeap() => new(new HakmemOptions { MaxBytes = Limit });

    private static List<Block> Fill(HakmemAllocator heap, nuint size)
    {
        List<Block> blocks = [];
        while (heap.TryAlloc(size, out void* pointer))
        {
            blocks.Add(Block.Filled(pointer, size, (uint)blocks.Count));
            Assert.True((long)size * blocks.Count <= Limit, "More was handed out than the limit allows.");
        }

        return blocks;
    }

    private static int FillAndFree(HakmemAllocator heap, nuint size)
    {
        List<Block> blocks = Fill(heap, size);
        Assert.Throws<OutOfMemoryException>(() => heap.Alloc(size));
        Assert.True(heap.GetStatistics().CommittedBytes <= Limit);
        Assert.True(heap.GetStatistics().PeakCommittedBytes <= Limit);
        blocks.ForEach(block => block.VerifyAndFree(heap));
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
        return blocks.Count;
    }
}
