using System;
using System.Collections.Generic;
using Hakmem.Pages;
using Hakmem.Reclaim;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Pages;

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
        Arena arena = new(os, TestArena.DefaultBytes, new MemoryLimit(os, percent));
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
        Arena arena = new(os, TestArena.DefaultBytes, new MemoryLimit(os, percent));
        arena.RefreshLimit();
        Assert.Equal(0, arena.TryTake(arena.SlabCount, 1));
    }

    // An allocation would have to wait for the answer.
    [Fact]
    public void TheLimitIsAskedForByTheFirstLookAndOnce()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        ManualTime time = new();
        using HakmemAllocator heap = new(new HakmemOptions(), CreateArena(os, time),
            new DecayTimer(time, () => false, observesCollections: false));
        Block block = Block.Allocate(heap, BlockSizes.Mid, 1);
        Assert.Equal(0, os.MemoryLimitReads);
        time.Advance(10_000);
        Assert.Equal(1, os.MemoryLimitReads);

        // And again by the allocation that it would refuse.
        List<Block> blocks = TakeUpTo(long.MaxValue, heap, BlockSizes.MiB);
        Assert.InRange(heap.GetStatistics().CommittedBytes, Limit - (long)BlockSizes.SuperSlab, Limit);
        Assert.Equal(2, os.MemoryLimitReads);
        block.VerifyAndFree(heap);
        blocks.ForEach(each => each.VerifyAndFree(heap));
    }

    [Fact]
    public void TheLimitIsAskedForByTheAllocationThatComesBeforeTheFirstLook()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        Arena arena = CreateArena(os, new ManualTime());
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        TakeUpTo(8L << 20, heap, BlockSizes.MiB).ForEach(each => each.Verify());
        Assert.Equal(0, os.MemoryLimitReads);
        TakeUpTo(long.MaxValue, heap, BlockSizes.MiB).ForEach(each => each.Verify());
        Assert.Equal(1, os.MemoryLimitReads);
        arena.RefreshLimit();
        Assert.Equal(1, os.MemoryLimitReads);
    }

    [Fact]
    public void ALimitThatIsRaisedIsSeenWhenItWouldRefuse()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        ManualTime time = new();
        using HakmemAllocator heap = new(new HakmemOptions(), CreateArena(os, time));
        TakeUpTo(long.MaxValue, heap, BlockSizes.MiB).ForEach(each => each.Verify());
        int reads = os.MemoryLimitReads;
        os.MemoryLimit = Limit + (40 << 20);

        // Not more than once a second.
        Assert.False(heap.TryAlloc(BlockSizes.MiB, out _));
        Assert.Equal(reads, os.MemoryLimitReads);
        time.Advance(1_000);
        TakeUpTo(long.MaxValue, heap, BlockSizes.MiB).ForEach(each => each.Verify());
        Assert.Equal(reads + 1, os.MemoryLimitReads);
        Assert.InRange(heap.GetStatistics().CommittedBytes, os.MemoryLimit - (long)BlockSizes.SuperSlab, os.MemoryLimit);

        // Nor is one request for more than the old limit refused without a look.
        os.MemoryLimit = 2 * Limit;
        Assert.False(heap.TryAlloc((nuint)os.MemoryLimit, out _));
        time.Advance(1_000);
        heap.Free(heap.Alloc(40 * BlockSizes.MiB));
    }

    // The part of the limit changes while blocks are live: lowered below them, raised, and taken away.
    [Fact]
    public void APartThatChangesHoldsForWhatComesNext()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        Arena arena = new(os, TestArena.DefaultBytes, new MemoryLimit(os, 50));
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        List<Block> blocks = TakeUpTo(long.MaxValue, heap, BlockSizes.MiB);
        Assert.InRange(heap.GetStatistics().CommittedBytes, (Limit / 2) - (2 * (long)BlockSizes.SuperSlab), Limit / 2);

        arena.SetLimitPercent(20);
        Assert.Equal(20, arena.LimitPercent);
        Assert.InRange(arena.LimitBytes, (Limit / 5) - (long)BlockSizes.SuperSlab, Limit / 5);
        Assert.False(heap.TryAlloc(BlockSizes.Large, out _));
        blocks.ForEach(block => block.Verify());
        blocks.ForEach(block => block.VerifyAndFree(heap));
        heap.Trim();
        blocks = TakeUpTo(long.MaxValue, heap, BlockSizes.MiB);
        Assert.InRange(heap.GetStatistics().CommittedBytes, (Limit / 5) - (2 * (long)BlockSizes.SuperSlab), Limit / 5);

        arena.SetLimitPercent(100);
        blocks.AddRange(TakeUpTo(long.MaxValue, heap, BlockSizes.MiB));
        Assert.InRange(heap.GetStatistics().CommittedBytes, Limit - (2 * (long)BlockSizes.SuperSlab), Limit);

        arena.SetLimitPercent(0);
        Assert.Equal(0, arena.LimitPercent);
        heap.Free(heap.Alloc(20 * BlockSizes.MiB));
        heap.Trim();

        // From no limit to one below what is live.
        arena.SetLimitPercent(30);
        Assert.False(heap.TryAlloc(BlockSizes.Large, out _));
        blocks.ForEach(block => block.VerifyAndFree(heap));
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    // The system cannot be asked for a moment: the new part holds from the next answer.
    [Fact]
    public void APartThatChangesWithoutAnAnswerHoldsFromTheNext()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        Arena arena = new(os, TestArena.DefaultBytes, new MemoryLimit(os, 0));
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        os.IsMemoryLimitUnreadable = true;
        arena.SetLimitPercent(50);
        heap.Free(heap.Alloc(BlockSizes.Large));
        os.IsMemoryLimitUnreadable = false;
        TakeUpTo(long.MaxValue, heap, BlockSizes.MiB).ForEach(block => block.Verify());
        Assert.InRange(heap.GetStatistics().CommittedBytes, (Limit / 2) - (2 * (long)BlockSizes.SuperSlab), Limit / 2);
    }

    [Fact]
    public void ThePublicPartIsChecked()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => HakmemAllocator.SetContainerLimit(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => HakmemAllocator.SetContainerLimit(101));
        int before = HakmemAllocator.ContainerLimitPercent;
        HakmemAllocator.SetContainerLimit(before);
        Assert.Equal(before, HakmemAllocator.ContainerLimitPercent);
    }

    [Fact]
    public void ALimitThatIsLoweredIsNotExceededFurther()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        ManualTime time = new();
        int collections = 0;
        Arena arena = CreateArena(os, time, () => collections);
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        TakeUpTo(Limit / 2, heap, BlockSizes.MiB).ForEach(each => each.Verify());
        arena.RefreshLimit();
        long committed = heap.GetStatistics().CommittedBytes;
        int reads = os.MemoryLimitReads;
        os.MemoryLimit = Limit / 4;
        time.Advance(1_000);
        arena.RefreshLimit();
        Assert.Equal(reads, os.MemoryLimitReads);

        // The collector's full collections are when the runtime looks at its own.
        collections++;
        arena.RefreshLimit();
        arena.RefreshLimit();
        Assert.Equal(reads + 1, os.MemoryLimitReads);
        Assert.False(heap.TryAlloc(4 * BlockSizes.MiB, out _));
        Assert.InRange(heap.GetStatistics().CommittedBytes, 0, committed);
        Assert.Contains("container", Assert.Throws<OutOfMemoryException>(() => heap.Alloc(4 * BlockSizes.MiB)).Message, StringComparison.Ordinal);
    }

    // Too many open files, say: that is no reason to refuse anything, nor to have no limit for good.
    [Fact]
    public void ALimitThatCouldNotBeReadIsAskedForAgain()
    {
        using FaultyMemory os = new() { IsMemoryLimitUnreadable = true };
        ManualTime time = new();
        Arena arena = CreateArena(os, time);
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        arena.RefreshLimit();
        Assert.Equal(1, os.MemoryLimitReads);
        List<Block> blocks = TakeUpTo(Limit / 2, heap, BlockSizes.MiB);
        heap.Free(heap.Alloc((nuint)Limit / 4));
        int reads = os.MemoryLimitReads;
        Assert.InRange(reads, 2, blocks.Count);

        os.MemoryLimit = Limit;
        os.IsMemoryLimitUnreadable = false;
        blocks.AddRange(TakeUpTo(long.MaxValue, heap, BlockSizes.MiB));
        Assert.Equal(reads + 1, os.MemoryLimitReads);
        Assert.InRange(heap.GetStatistics().CommittedBytes, Limit - (long)BlockSizes.SuperSlab, Limit);

        // Once known, it holds while it cannot be read.
        os.MemoryLimit = long.MaxValue;
        os.IsMemoryLimitUnreadable = true;
        time.Advance(1_000);
        Assert.False(heap.TryAlloc(BlockSizes.MiB, out _));
        blocks.ForEach(each => each.VerifyAndFree(heap));
    }

    // While the answer is awaited, only what is requested then is admitted.
    [Fact]
    public void ARefusalUnderAnEarlierPartAdmitsNothing()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        MemoryLimit limit = new(os);
        Assert.True(limit.TryRefresh());
        Assert.False(limit.Admits(5_000));
        os.MemoryLimit = long.MaxValue;
        os.IsMemoryLimitUnreadable = true;
        limit.SetPercent(50);
        Assert.False(limit.Admits(1_000));
        Assert.True(limit.TryRefresh());
        Assert.True(limit.Admits(1_000));
    }

    // What the others say is a limit all the same.
    [Fact]
    public void TheReadablePartOfALimitHolds()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit, IsMemoryLimitUnreadable = true };
        using HakmemAllocator heap = new(new HakmemOptions(), CreateArena(os));
        TakeUpTo(long.MaxValue, heap, BlockSizes.MiB).ForEach(each => each.Verify());
        Assert.InRange(heap.GetStatistics().CommittedBytes, Limit - (long)BlockSizes.SuperSlab, Limit);
    }

    [Fact]
    public void ManagedMemoryThatIsOutLeavesTheLimitUnknown()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit, ThrowsFromMemoryLimit = true };
        using HakmemAllocator heap = new(new HakmemOptions(), CreateArena(os));
        List<Block> blocks = TakeUpTo(Limit / 2, heap, BlockSizes.MiB);
        Assert.Equal(Limit / 2, (long)BlockSizes.MiB * blocks.Count);
        os.ThrowsFromMemoryLimit = false;
        blocks.AddRange(TakeUpTo(long.MaxValue, heap, BlockSizes.MiB));
        Assert.InRange(heap.GetStatistics().CommittedBytes, Limit - (long)BlockSizes.SuperSlab, Limit);
        blocks.ForEach(each => each.VerifyAndFree(heap));
    }

    // Cached SuperSlabs in a run's way are the heap's already, and count once.
    [Fact]
    public void ARunAroundCachedSuperSlabsCountsTheNewOnesOnly()
    {
        using FaultyMemory os = new() { MemoryLimit = Limit };
        Arena arena = CreateArena(os);
        using HakmemAllocator heap = new(new HakmemOptions(), arena);
        heap.Free(heap.Alloc(60 * BlockSizes.MiB));
        void* block = heap.Alloc((nuint)Limit);
        Assert.Equal(Limit, heap.GetStatistics().CommittedBytes);
        heap.Free(block);
    }

    // The collector's own collections are not counted: other tests make them at any moment.
    private static Arena CreateArena(FaultyMemory os, ManualTime? time = null, Func<int>? countCollections = null) =>
        new(os, TestArena.DefaultBytes * 4, new MemoryLimit(os, 100, time, countCollections ?? (() => 0)));

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
