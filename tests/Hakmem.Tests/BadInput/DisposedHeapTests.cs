using System;
using Hakmem.Tests.Buffers;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// A heap after its disposal, and disposal itself.
public sealed unsafe class DisposedHeapTests
{
    [Fact]
    public void EveryMemberOfADisposedHeapIsRefused()
    {
        HakmemAllocator heap = new();
        void* tiny = heap.Alloc(BlockSizes.Tiny);
        void* mid = heap.Alloc(BlockSizes.Mid);
        void* large = heap.Alloc(BlockSizes.Large);
        heap.Dispose();
        AssertRefused(heap, tiny, mid, large);
    }

    [Fact]
    public void AHeapDisposedUnusedIsRefusedAsWell()
    {
        HakmemAllocator heap = new();
        heap.Dispose();
        AssertRefused(heap);
    }

    [Fact]
    public void EveryMemberIsRefusedOnAThreadThatNeverUsedTheHeap()
    {
        HakmemAllocator heap = new();
        void* tiny = heap.Alloc(BlockSizes.Tiny);
        heap.Dispose();
        Workers.RunOne(() => AssertRefused(heap, tiny));
    }

    [Fact]
    public void EveryMemberIsRefusedOnAThreadWhoseCacheHoldsBlocks()
    {
        HakmemAllocator heap = new();
        Workers.RunOne(() =>
        {
            // Freed blocks of the class that is asked for below wait in this thread's cache while another thread disposes the heap.
            void*[] blocks = [heap.Alloc(BlockSizes.Tiny), heap.Alloc(BlockSizes.Tiny)];
            void* live = heap.Alloc(BlockSizes.Tiny);
            heap.Free(blocks[0]);
            heap.Free(blocks[1]);
            Workers.RunOne(heap.Dispose);
            AssertRefused(heap, live, blocks[0]);
        });
    }

    [Fact]
    public void DisposingTwiceDoesNothing()
    {
        HakmemAllocator heap = new();
        Block.Allocate(heap, BlockSizes.Tiny, 1);
        heap.Dispose();

        // A heap that takes over the address range must not be hurt by the second disposal.
        using HakmemAllocator next = new();
        Block block = Block.Allocate(next, BlockSizes.Tiny, 2);
        heap.Dispose();
        block.VerifyAndFree(next);
        HeapHealth.AssertWorks(next, expectedLiveBlocks: 0);
    }

    [Fact]
    public void ADisposedHeapOwnsNothing()
    {
        HakmemAllocator heap = new();
        void* tiny = heap.Alloc(BlockSizes.Tiny);
        void* large = heap.Alloc(BlockSizes.Large);
        Assert.True(heap.Owns(tiny));
        Assert.True(heap.Owns(large));
        heap.Dispose();
        Assert.False(heap.Owns(tiny));
        Assert.False(heap.Owns(large));
        Assert.False(heap.Owns(null));
    }

    [Fact]
    public void TheSharedHeapCannotBeDisposed()
    {
        Block block = Block.Allocate(HakmemAllocator.Shared, BlockSizes.Tiny, 1);
        Assert.Throws<InvalidOperationException>(HakmemAllocator.Shared.Dispose);
        block.VerifyAndFree(HakmemAllocator.Shared);
        Block.Allocate(HakmemAllocator.Shared, BlockSizes.Large, 2).VerifyAndFree(HakmemAllocator.Shared);
    }

    [Fact]
    public void HundredsOfHeapsComeAndGo()
    {
        // More than any table of heaps that never reuses its entries might hold.
        for (int i = 0; i < 600; i++)
        {
            using HakmemAllocator heap = new();
            BlockLedger ledger = new(heap);
            ledger.Allocate(BlockSizes.Tiny);
            ledger.Allocate(BlockSizes.Mid);
            ledger.AllocateZeroed(1_000);
            if (i % 16 == 0)
            {
                ledger.Allocate(BlockSizes.SuperSlab);
            }

            ledger.VerifyAll();
            ledger.AssertStatisticsMatch();
        }
    }

    private static void AssertRefused(HakmemAllocator heap, params void*[] blocks)
    {
        foreach (nuint size in new nuint[] { 0, BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.Large })
        {
            Assert.Throws<ObjectDisposedException>(() => heap.Alloc(size));
            Assert.Throws<ObjectDisposedException>(() => heap.AllocZeroed(size));
            Assert.Throws<ObjectDisposedException>(() => heap.AlignedAlloc(size, 16));
            Assert.Throws<ObjectDisposedException>(() => heap.AlignedAlloc(size, 4096));
            Assert.Throws<ObjectDisposedException>(() => heap.Realloc(null, size));
            Assert.Throws<ObjectDisposedException>(() => heap.TryAlloc(size, out _));
            Assert.Throws<ObjectDisposedException>(() => heap.TryAllocZeroed(size, out _));
            Assert.Throws<ObjectDisposedException>(() => heap.TryAlignedAlloc(size, 64, out _));
            Assert.Throws<ObjectDisposedException>(() => heap.AllocAtLeast(size, out _));
            Assert.Throws<ObjectDisposedException>(() => heap.GoodSize(size));
            Assert.Throws<ObjectDisposedException>(() => heap.Realloc(null, size, 64));
            void* none = null;
            Assert.Throws<ObjectDisposedException>(() => heap.TryRealloc(ref none, size));
            Assert.Throws<ObjectDisposedException>(() => heap.TryExpand(null, size));
        }

        foreach (void* block in blocks)
        {
            Assert.Throws<ObjectDisposedException>(() => heap.Free(block));
            Assert.Throws<ObjectDisposedException>(() => heap.Free(block, 1));
            Assert.Throws<ObjectDisposedException>(() => heap.Free(block, nuint.MaxValue));
            Assert.Throws<ObjectDisposedException>(() => heap.Realloc(block, 1));
            Assert.Throws<ObjectDisposedException>(() => heap.Realloc(block, 1, 64));
            Assert.Throws<ObjectDisposedException>(() => heap.TryExpand(block, 1));
            void* resized = block;
            Assert.Throws<ObjectDisposedException>(() => heap.TryRealloc(ref resized, 1));
            Assert.True(resized == block);
            Assert.Throws<ObjectDisposedException>(() => heap.UsableSize(block));
            Assert.False(heap.Owns(block));
        }

        Assert.Throws<ObjectDisposedException>(heap.Trim);
        Assert.Throws<ObjectDisposedException>(heap.GetStatistics);
    }
}
