using System;
using System.Collections.Generic;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Memory;

// A zeroed block from memory that was discarded is not cleared: clearing would bring its pages back, and they are counted here.
[Collection(AloneCollection.Name)]
[Needs(SystemNeed.Pages)]
public sealed unsafe class ZeroedAfterDiscardTests
{
    private const nuint SuperSlab = BlockSizes.SuperSlab;

    private static readonly HakmemOptions s_smallPages = new() { HugePages = HugePageMode.Never, SuperSlabCacheTtl = TimeSpan.FromHours(1) };

    [Theory]
    [InlineData(LazyZeroMode.Immediate)]
    [InlineData(LazyZeroMode.Deferred)]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void ADiscardedRunIsNotCleared(LazyZeroMode mode)
    {
        using HakmemAllocator heap = new(s_smallPages with { LazyZero = mode, PurgeDelay = TimeSpan.Zero });
        void* block = AllocTouched(heap, 5 * SuperSlab);
        heap.Free(block);
        Assert.True(heap.AllocZeroed(5 * SuperSlab) == block);
        Assert.Equal(0, Residency.BytesIn(block, 5 * SuperSlab));
        Pattern.VerifyZero(block, 5 * SuperSlab);
    }

    [Fact]
    public void ARunThatWasKeptIsCleared()
    {
        using HakmemAllocator heap = new(s_smallPages with { LazyZero = LazyZeroMode.Off });
        void* block = AllocTouched(heap, 5 * SuperSlab);
        heap.Free(block);
        Assert.True(heap.AllocZeroed(5 * SuperSlab) == block);
        Assert.Equal((long)(5 * SuperSlab), Residency.BytesIn(block, 5 * SuperSlab));
        Pattern.VerifyZero(block, 5 * SuperSlab);
    }

    [Fact]
    public void OnlyTheKeptPartOfARunIsCleared()
    {
        // In an arena of its own, so that no other heap has what lies behind the block.
        using TestArena test = new();
        using HakmemAllocator heap = new(s_smallPages with { LazyZero = LazyZeroMode.Off }, test.Arena);
        void* block = AllocTouched(heap, 2 * SuperSlab);
        heap.Free(block);

        // Two SuperSlabs from the cache with their pages, two new ones behind them.
        byte* longer = (byte*)heap.AllocZeroed(4 * SuperSlab);
        Assert.True(longer == block);
        Assert.Equal((long)(2 * SuperSlab), Residency.BytesIn(longer, 2 * SuperSlab));
        Assert.Equal(0, Residency.BytesIn(longer + (2 * SuperSlab), 2 * SuperSlab));
        Pattern.VerifyZero(longer, 4 * SuperSlab);
    }

    [Fact]
    public void AMidBlockFromADiscardedPartIsNotCleared()
    {
        using HakmemAllocator heap = new(s_smallPages with { LazyZero = LazyZeroMode.Off });
        List<nint> blocks = [];
        for (int i = 0; i < 18; i++)
        {
            blocks.Add((nint)AllocTouched(heap, BlockSizes.Mid));
        }

        // One block in the middle stays, so that the SuperSlab does, without the rest of its pages.
        nint survivor = blocks[9];
        blocks.Remove(survivor);
        blocks.ForEach(block => heap.Free((void*)block));
        heap.Trim();
        nuint slab = (nuint)survivor & ~(SuperSlab - 1);
        long before = Residency.BytesIn((void*)slab, SuperSlab);
        Assert.InRange(before, (long)BlockSizes.Mid, (long)SuperSlab / 2);

        // A class that has no span left, so that its block is of units that were discarded.
        void* zeroed = heap.AllocZeroed(BlockSizes.Mid / 2);
        Assert.Equal(slab, (nuint)zeroed & ~(SuperSlab - 1));
        Assert.Equal(before, Residency.BytesIn((void*)slab, SuperSlab));
        Pattern.VerifyZero(zeroed, BlockSizes.Mid / 2);
    }

    private static void* AllocTouched(HakmemAllocator heap, nuint bytes)
    {
        void* block = heap.Alloc(bytes);
        new Span<byte>(block, (int)bytes).Fill(0xEE);
        return block;
    }
}
