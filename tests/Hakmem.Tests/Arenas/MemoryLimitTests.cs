using System;
using System.Collections.Generic;
using Hakmem.Arenas;
using Hakmem.Decay;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Arenas;

// An arena in a container: what the limit leaves to Hakmem is shared by its heaps, and running into it is survived.
public sealed unsafe class MemoryLimitTests
{
    private const long Limit = 200 << 20;

    [Theory]
    [InlineData(100)]
    [InlineData(75)]
    [InlineData(30)]
    public void HeapsTogetherStayWithinTheirPart(int percent)
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        Arena arena = new(os, TestArena.DefaultBytes, percent);
        using HakmemAllocator first = new(new HakmemOptions(), arena);
        using HakmemAllocator second = new(new HakmemOptions(), arena);
        List<Block> ofFirst = TakeUpTo(Limit / 5, first, BlockSizes.MiB);
        List<Block> ofSecond = TakeUpTo(long.MaxValue, second, 3 * BlockSizes.MiB);
        long committed = first.GetStatistics().CommittedBytes + second.GetStatistics().CommittedBytes;
        long part = Limit / 100 * percent;
        Assert.InRange(committed, part - (2 * (long)BlockSizes.SuperSlab), part);
        Assert.Contains("container", Assert.Throws<OutOfMemoryException>(() => first.Alloc(BlockSizes.Large)).Message, StringComparison.Ordinal);

        // What one gives up is there for the other.
        ofFirst.ForEach(block => block.VerifyAndFree(first));
        first.Trim();
        Block block = Block.Allocate(second, BlockSizes.Large, 1);
        ofSecond.ForEach(block => block.VerifyAndFree(second));
        block.VerifyAndFree(second);
        second.Trim();
        Assert.Equal(0, os.CommittedBytes(arena.Base, arena.ReservedBytes));
        HeapHealth.AssertWorks(first, expectedLiveBlocks: 0);
    }

    [Theory]
    [InlineData(Limit, 0)]
    [InlineData(long.MaxValue, 75)]
    public void WithoutALimitTheWholeArenaCanBeTaken(long limit, int percent)
    {
        using FaultyMemory os = new() { MemoryLimit = limit };
        Arena arena = new(os, TestArena.DefaultBytes, percent);
        Assert.Equal(0, arena.TryTake(arena.SlabCount, 1));
    }

    // An allocation would have to wait for the answer.
    [Fact]
    public void TheLimitIsAskedForByTheFirstLookAndOnce()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        Arena arena = new(os, TestArena.DefaultBytes, 100);
        ManualTime time = new();
        using HakmemAllocator heap = new(new HakmemOptions(), arena, new DecayTimer(time, () => false, heedsCollections: false));
        Block block = Block.Allocate(heap, BlockSizes.Mid, 1);
        Assert.Equal(0, os.MemoryLimitReads);
        time.Advance(10_000);
        Assert.Equal(1, os.MemoryLimitReads);

        os.MemoryLimit = long.MaxValue;
        List<Block> blocks = TakeUpTo(long.MaxValue, heap, BlockSizes.MiB);
        Assert.InRange(heap.GetStatistics().CommittedBytes, Limit - (long)BlockSizes.SuperSlab, Limit);
        Assert.Equal(1, os.MemoryLimitReads);
        block.VerifyAndFree(heap);
        blocks.ForEach(each => each.VerifyAndFree(heap));
    }

    [Fact]
    public void TheLimitIsAskedForByTheAllocationThatComesBeforeTheFirstLook()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        Arena arena = new(os, TestArena.DefaultBytes, 100);
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        TakeUpTo(8L << 20, heap, BlockSizes.MiB).ForEach(each => each.Verify());
        Assert.Equal(0, os.MemoryLimitReads);
        TakeUpTo(long.MaxValue, heap, BlockSizes.MiB).ForEach(each => each.Verify());
        Assert.Equal(1, os.MemoryLimitReads);
        arena.LearnLimit();
        Assert.Equal(1, os.MemoryLimitReads);
    }

    // Cached SuperSlabs in a run's way are the heap's already, and count once.
    [Fact]
    public void ARunAroundCachedSuperSlabsCountsTheNewOnesOnly()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        Arena arena = new(os, TestArena.DefaultBytes, 100);
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        heap.Free(heap.Alloc(60 * BlockSizes.MiB));
        void* block = heap.Alloc((nuint)Limit);
        Assert.Equal(Limit, heap.GetStatistics().CommittedBytes);
        heap.Free(block);
    }

    private static List<Block> TakeUpTo(long maxBytes, HakmemAllocator heap, nuint size)
    {
        List<Block> blocks = [];
        while ((long)size * blocks.Count < maxBytes && heap.TryAlloc(size, out void* pointer))
        {
            blocks.Add(Block.Filled(pointer, size, (uint)blocks.Count));
        }

        return blocks;
    }
}
