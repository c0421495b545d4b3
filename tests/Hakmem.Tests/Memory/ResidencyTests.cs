using System;
using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Memory;

// When pages come and go, by the kernel's own books. Small pages throughout, so that touching a byte makes one page resident.
[Collection(AloneCollection.Name)]
[Needs(SystemNeed.Pages)]
public sealed unsafe class ResidencyTests
{
    private const nuint SuperSlab = BlockSizes.SuperSlab;

    // The delays are an hour: nothing may go by the time that a test takes.
    private static readonly HakmemOptions s_smallPages = new()
    {
        HugePages = HugePageMode.Never,
        PurgeDelay = TimeSpan.FromHours(1),
        SuperSlabCacheTtl = TimeSpan.FromHours(1),
    };

    [Fact]
    public void WithoutPrefaultPagesComeAtFirstTouch()
    {
        using HakmemAllocator heap = new(s_smallPages with { Prefault = PrefaultMode.None });
        byte* block = (byte*)heap.Alloc(4 * SuperSlab);
        Assert.Equal(0, Residency.BytesIn(block, 4 * SuperSlab));
        block[SuperSlab] = 1;
        Assert.Equal(Environment.SystemPageSize, Residency.BytesIn(block, 4 * SuperSlab));
    }

    [Theory]
    [InlineData(PrefaultMode.Populate)]
    [InlineData(PrefaultMode.Touch)]
    public void PrefaultPopulatesWhatIsHandedOutAndIsZero(PrefaultMode mode)
    {
        using HakmemAllocator heap = new(s_smallPages with { Prefault = mode });
        void* large = heap.AllocZeroed(3 * SuperSlab);
        Assert.Equal((long)(3 * SuperSlab), Residency.BytesIn(large, 3 * SuperSlab));
        Pattern.VerifyZero(large, 3 * SuperSlab);
        void* mid = heap.Alloc(BlockSizes.Mid);
        Assert.True(Residency.BytesIn(mid, BlockSizes.Mid) >= (long)BlockSizes.Mid);
    }

    [Fact]
    public void PrefaultNeverPopulatesMoreThanWasCommitted()
    {
        // The original's bug: it populated twice a SuperSlab to get an aligned one.
        using HakmemAllocator heap = new(s_smallPages with { Prefault = PrefaultMode.Populate });
        byte* block = (byte*)heap.AlignedAlloc(1_000, SuperSlab);
        Assert.Equal((long)SuperSlab, heap.GetStatistics().CommittedBytes);
        Assert.Equal((long)SuperSlab, Residency.BytesIn(block, SuperSlab));
    }

    [Fact]
    public void TrimDiscardsAFreedLargeBlock()
    {
        using HakmemAllocator heap = new(s_smallPages with { LazyZero = LazyZeroMode.Off });
        void* block = AllocTouched(heap, 5 * SuperSlab);
        Assert.Equal((long)(5 * SuperSlab), Residency.BytesIn(block, 5 * SuperSlab));
        heap.Free(block);
        Assert.Equal((long)(5 * SuperSlab), Residency.BytesIn(block, 5 * SuperSlab));
        heap.Trim();
        Assert.Equal(0, Residency.BytesIn(block, 5 * SuperSlab));
    }

    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void ImmediateModeDiscardsAtTheFree()
    {
        using HakmemAllocator heap = new(s_smallPages with { LazyZero = LazyZeroMode.Immediate });
        void* block = AllocTouched(heap, 5 * SuperSlab);
        heap.Free(block);
        Assert.Equal(0, Residency.BytesIn(block, 5 * SuperSlab));
        Assert.Equal(0, heap.GetStatistics().DirtyBytes);
        Assert.Equal(5, heap.GetStatistics().SuperSlabsCached);
    }

    [Fact]
    public void DeferredModeKeepsHotMemory()
    {
        using HakmemAllocator heap = new(s_smallPages with { LazyZero = LazyZeroMode.Deferred });
        void* block = AllocTouched(heap, 5 * SuperSlab);
        heap.Free(block);
        Assert.Equal((long)(5 * SuperSlab), Residency.BytesIn(block, 5 * SuperSlab));
        Assert.Equal((long)(5 * SuperSlab), heap.GetStatistics().DirtyBytes);

        // The same size finds it again, pages and all.
        Assert.True(heap.Alloc(5 * SuperSlab) == block);
        Assert.Equal((long)(5 * SuperSlab), Residency.BytesIn(block, 5 * SuperSlab));
    }

    [Fact]
    public void ADelayOfZeroDiscardsAtTheFree()
    {
        using HakmemAllocator heap = new(s_smallPages with { LazyZero = LazyZeroMode.Deferred, PurgeDelay = TimeSpan.Zero });
        void* block = AllocTouched(heap, 3 * SuperSlab);
        heap.Free(block);
        Assert.Equal(0, Residency.BytesIn(block, 3 * SuperSlab));
    }

    [Fact]
    public void TheCacheKeepsNoMoreThanItsCount()
    {
        using HakmemAllocator heap = new(s_smallPages with { SuperSlabCacheCount = 3 });
        void* block = AllocTouched(heap, 10 * SuperSlab);
        heap.Free(block);
        HakmemStatistics statistics = heap.GetStatistics();
        Assert.Equal(3, statistics.SuperSlabsCached);
        Assert.Equal((long)(3 * SuperSlab), statistics.CommittedBytes);
        Assert.Equal((long)(3 * SuperSlab), Residency.BytesIn(block, 10 * SuperSlab));
    }

    [Fact]
    public void TheCacheKeepsNoMoreThanItsBytes()
    {
        using HakmemAllocator heap = new(s_smallPages with { SuperSlabCacheBytes = (long)(4 * SuperSlab) + 1 });
        heap.Free(AllocTouched(heap, 10 * SuperSlab));
        Assert.Equal(4, heap.GetStatistics().SuperSlabsCached);
    }

    [Fact]
    public void ATimeToLiveOfZeroKeepsNothing()
    {
        using HakmemAllocator heap = new(s_smallPages with { SuperSlabCacheTtl = TimeSpan.Zero });
        void* block = AllocTouched(heap, 3 * SuperSlab);
        heap.Free(block);
        Assert.Equal(0, heap.GetStatistics().CommittedBytes);
        Assert.Equal(0, Residency.BytesIn(block, 3 * SuperSlab));
    }

    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void TrimDiscardsTheFreePartOfASuperSlabThatIsInUse()
    {
        using HakmemAllocator heap = new(s_smallPages with { LazyZero = LazyZeroMode.Off });
        List<Block> blocks = [];
        for (int i = 0; i < 18; i++)
        {
            blocks.Add(Block.Allocate(heap, BlockSizes.Mid, (uint)i));
        }

        // One block in the middle stays.
        Block survivor = blocks[9];
        blocks.RemoveAt(9);
        blocks.ForEach(block => block.VerifyAndFree(heap));
        heap.Trim();
        survivor.Verify();
        HakmemStatistics statistics = heap.GetStatistics();
        Assert.Equal((long)SuperSlab, statistics.CommittedBytes);
        Assert.True(statistics.DirtyBytes < (long)SuperSlab);
        byte* slab = (byte*)((nuint)survivor.Pointer & ~(SuperSlab - 1));
        Assert.True(Residency.BytesIn(slab, SuperSlab) <= statistics.DirtyBytes);

        // What was discarded comes back as zeros.
        for (int i = 0; i < 16; i++)
        {
            void* zeroed = heap.AllocZeroed(BlockSizes.Mid);
            Pattern.VerifyZero(zeroed, BlockSizes.Mid);
        }

        survivor.Verify();
    }

    [Fact]
    public void DisposeGivesBackThePagesOfLiveBlocks()
    {
        HakmemAllocator heap = new(s_smallPages);
        void* large = AllocTouched(heap, 5 * SuperSlab);
        void* mid = AllocTouched(heap, BlockSizes.Mid);
        heap.Dispose();
        Assert.Equal(0, Residency.BytesIn(large, 5 * SuperSlab));
        Assert.Equal(0, Residency.BytesIn(mid, BlockSizes.Mid));
    }

    [Fact]
    public void DirtyBytesBoundWhatIsResident()
    {
        using HakmemAllocator heap = new(s_smallPages);
        List<nint> slabs = [];
        BlockLedger ledger = new(heap);
        Random random = new(5);
        for (int i = 0; i < 3_000; i++)
        {
            Block block = ledger.Allocate(BlockSizes.RandomSmall(random));
            nint slab = block.Address & ~((nint)SuperSlab - 1);
            if (!slabs.Contains(slab))
            {
                slabs.Add(slab);
            }
        }

        long resident = 0;
        slabs.ForEach(slab => resident += Residency.BytesIn((void*)slab, SuperSlab));
        Assert.InRange(resident, 1, heap.GetStatistics().DirtyBytes);
    }

    private static void* AllocTouched(HakmemAllocator heap, nuint bytes)
    {
        void* block = heap.Alloc(bytes);
        new Span<byte>(block, (int)bytes).Fill(0xEE);
        return block;
    }
}
