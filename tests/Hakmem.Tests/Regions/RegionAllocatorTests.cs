using System;
using System.Buffers;
using System.Threading;
using Hakmem.Regions;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Regions;

// What a region's allocator answers otherwise than a heap: frees give nothing back and are checked at every level,
// a reset ends all blocks, limits and disposal are the region's.
public sealed unsafe class RegionAllocatorTests
{
    public static TheoryData<string, bool> Heaps { get; } = Kinds();

    [Theory]
    [MemberData(nameof(Heaps))]
    public void FreeGivesNothingBackBeforeReset(string kind, bool isShared)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion(new() { IsShared = isShared });
        IHakmemAllocator view = region.AsAllocator();
        Assert.Same(view, region.AsAllocator());
        void* small = view.Alloc(100);
        void* large = view.Alloc(1 << 20);
        (long used, long committed) = (region.UsedBytes, region.CommittedBytes);
        Assert.Equal((112 + 16) + (1 << 20) + 16, used);
        Assert.Equal((used, committed, 2L), Figures(view));
        view.Free(small);
        view.Free(large, 1 << 20);
        Assert.Equal((used, committed, 0L), Figures(view));
        Assert.NotEqual((nint)small, (nint)view.Alloc(100));
        region.Reset();
        Assert.Equal((0L, region.CommittedBytes, 0L), Figures(view));
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void ASecondFreeThrowsAtEveryLevel(string kind, bool isShared)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion(new() { IsShared = isShared });
        IHakmemAllocator view = region.AsAllocator();
        foreach (nuint size in (nuint[])[0, 16, 5_000, 1 << 20])
        {
            void* block = view.Alloc(size);
            view.Free(block);
            view.Alloc(size);
            Corruption.AssertReported(block, () => view.Free(block));
            Corruption.AssertReported(block, () => view.Free(block, 0));
            Corruption.AssertReported(block, () => view.Realloc(block, 100));
            Corruption.AssertReported(block, () => view.TryExpand(block, 0));
            Corruption.AssertReported(block, () => view.UsableSize(block));
        }

        Assert.Equal(4, view.GetStatistics().LiveBlocks);
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void ForeignAndStaleBlocksThrow(string kind, bool isShared)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion(new() { IsShared = isShared });
        using MemoryRegion other = heap.CreateRegion(new() { IsShared = isShared });
        IHakmemAllocator view = region.AsAllocator();
        byte* before = (byte*)view.Alloc(100);
        byte* large = (byte*)view.Alloc(1 << 20);
        region.Reset();
        byte* live = (byte*)view.Alloc(3_000);
        new Span<byte>(live, 3_000).Clear();
        void* ofHeap = heap.Alloc(100);
        int onTheStack = 0;
        foreach (nint wrong in (nint[])
            [(nint)before + 16, (nint)large, (nint)live + 16, (nint)live + 1, (nint)live - 16, (nint)ofHeap,
            (nint)other.AsAllocator().Alloc(100), (nint)region.Alloc(100), (nint)(&onTheStack), 1, 16, -1, -16])
        {
            Corruption.AssertReported((void*)wrong, () => view.Free((void*)wrong));
            Corruption.AssertReported((void*)wrong, () => view.UsableSize((void*)wrong));
        }

        heap.Free(ofHeap);
        view.Free(live);
    }

    [Fact]
    public void ABlockFromBeforeAResetThrowsAlsoAtItsOldAddress()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        IHakmemAllocator view = region.AsAllocator();
        void* before = view.Alloc(100);
        region.Reset();

        // The header is still there, and not of this epoch.
        Corruption.AssertReported(before, () => view.Free(before));
        Assert.Equal((nint)before, (nint)view.Alloc(100));
        view.Free(before);
    }

    [Fact]
    public void TheHeapRefusesBlocksOfARegionsAllocator()
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion();
        foreach (nuint size in (nuint[])[16, 1 << 20])
        {
            void* block = region.AsAllocator().Alloc(size);
            Corruption.AssertReported(block, () => heap.Free(block));
        }
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void TheLastBlockGrowsInPlace(string kind, bool isShared)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion(new() { IsShared = isShared });
        IHakmemAllocator view = region.AsAllocator();
        Block first = Block.Allocate(view, 100, 1);
        Block last = Block.Allocate(view, 100, 2);
        Assert.False(view.TryExpand(first.Pointer, 113));
        Assert.True(view.TryExpand(last.Pointer, 1_000));
        Assert.Equal(1_008u, view.UsableSize(last.Pointer));
        Block grown = last.Resize(view, 2_000, 3);
        Assert.Equal(last.Address, grown.Address);
        Block next = Block.Allocate(view, 100, 4);
        grown.Verify();
        next.Verify();
        Assert.NotEqual(grown.Address, grown.Resize(view, 3_000, 5).Address);
        Assert.False(view.TryExpand(next.Pointer, 1 << 20));
    }

    [Theory]
    [MemberData(nameof(Heaps))]
    public void ALimitRefusesAndKeepsTheBlock(string kind, bool isShared)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion(new() { IsShared = isShared, MaxBytes = 1 << 20 });
        IHakmemAllocator view = region.AsAllocator();
        Block block = Block.Allocate(view, 700_000, 1);
        Assert.False(view.TryAlloc(700_000, out void* none));
        Assert.True(none == null);
        void* same = block.Pointer;
        Assert.False(view.TryRealloc(ref same, 800_000));
        Assert.Throws<OutOfMemoryException>(() => view.Realloc(block.Pointer, 800_000));
        Assert.Throws<OutOfMemoryException>(() => view.AlignedAlloc(1_000, 1 << 20));
        HakmemStatistics statistics = view.GetStatistics();
        Assert.Equal((1L, 4L, 1L << 20), (statistics.LiveBlocks, statistics.RefusedAllocations, statistics.LimitBytes));
        block.VerifyAndFree(view);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void EachMemberThrowsAfterDisposal(bool isHeapGone)
    {
        HakmemAllocator heap = new();
        MemoryRegion region = heap.CreateRegion();
        IHakmemAllocator view = region.AsAllocator();
        void* block = view.Alloc(100);
        IMemoryOwner<byte> owner = view.RentMemory<byte>(100);
        using NativeMemoryPool pool = new(view);
        IMemoryOwner<byte> rented = pool.Rent(100);
        Memory<byte> memory = rented.Memory;
        if (isHeapGone)
        {
            heap.Dispose();
        }

        region.Dispose();
        Action[] calls =
        [
            () => view.Alloc(1), () => view.AllocZeroed(1), () => view.AlignedAlloc(1, 64), () => view.Free(block),
            () => view.Free(block, 1), () => view.Realloc(block, 1), () => view.Realloc(null, 1),
            () => view.Realloc(block, 1, 64), () => view.AllocAtLeast(1, out _), () => view.GoodSize(1),
            () => view.TryAlloc(1, out _), () => view.TryAllocZeroed(1, out _),
            () => view.TryAlignedAlloc(1, 64, out _), () => view.TryExpand(block, 1), () => view.UsableSize(block),
            () => view.Trim(), () => view.GetStatistics(), () => region.AsAllocator(), () => pool.Rent(1),
            () => { _ = memory.Span.Length; },
        ];
        Assert.All(calls, call => Assert.Throws<ObjectDisposedException>(call));
        view.Free(null);
        Assert.Equal(0u, view.UsableSize(null));
        Assert.False(view.Owns(block));
        rented.Dispose();
        owner.Dispose();
        heap.Dispose();
    }

    // The thread that wins has the block; the others are told. A block is never freed or moved twice.
    [Theory]
    [MemberData(nameof(RegionHeaps.All), MemberType = typeof(RegionHeaps))]
    public void ThreadsThatFreeOneBlockOfASharedRegionFreeItOnce(string kind)
    {
        const int Threads = 3;
        const int Blocks = 2_000;
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion(new() { IsShared = true });
        IHakmemAllocator view = region.AsAllocator();
        nint[] blocks = new nint[Blocks];
        for (int i = 0; i < Blocks; i++)
        {
            blocks[i] = (nint)view.Alloc(48);
        }

        int freed = 0;
        int refused = 0;
        Workers.Run(Threads, _ =>
        {
            foreach (nint block in blocks)
            {
                try
                {
                    view.Free((void*)block);
                    Interlocked.Increment(ref freed);
                }
                catch (HakmemCorruptionException)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        });
        Assert.Equal((Blocks, (Threads - 1) * Blocks), (freed, refused));
        Assert.Equal(0, view.GetStatistics().LiveBlocks);
    }

    // As above, with the other thread's free exactly between the look at the block and the change.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFreeBetweenLookAndTakeIsTold(bool isResized)
    {
        using HakmemAllocator heap = new();
        using MemoryRegion region = heap.CreateRegion(new() { IsShared = true });
        var view = (RegionAllocator)region.AsAllocator();
        void* block = view.Alloc(48);
        void* last = view.Alloc(48);
        view.OnTake = () =>
        {
            view.OnTake = null;
            view.Free(block);
        };
        Assert.Throws<HakmemCorruptionException>(() =>
        {
            if (isResized)
            {
                view.Realloc(block, 1_000);
            }
            else
            {
                view.Free(block);
            }
        });
        Assert.Equal(1, view.GetStatistics().LiveBlocks);
        view.Free(last);
    }

    [Theory]
    [MemberData(nameof(RegionHeaps.All), MemberType = typeof(RegionHeaps))]
    public void ThreadsOfASharedRegionKeepTheirBlocks(string kind)
    {
        using HakmemAllocator heap = RegionHeaps.Create(kind);
        using MemoryRegion region = heap.CreateRegion(new() { IsShared = true, ChunkBytes = 4_096 });
        IHakmemAllocator view = region.AsAllocator();
        Workers.Run(4, index =>
        {
            BlockLedger ledger = new(view);
            for (int i = 0; i < 300; i++)
            {
                ledger.Allocate((nuint)(i * 13 % 700));
                ledger.Resize(i / 2, (nuint)(i * 29 % 1_500));
            }

            ledger.FreeAll();
        });
        Assert.Equal(0, view.GetStatistics().LiveBlocks);
        Assert.True(heap.Verify().IsSound);
    }

    private static (long Used, long Committed, long Blocks) Figures(IHakmemAllocator view)
    {
        HakmemStatistics statistics = view.GetStatistics();
        return (statistics.LiveBytes, statistics.CommittedBytes, statistics.LiveBlocks);
    }

    private static TheoryData<string, bool> Kinds()
    {
        TheoryData<string, bool> kinds = [];
        foreach (string kind in RegionHeaps.All)
        {
            kinds.Add(kind, false);
            kinds.Add(kind, true);
        }

        return kinds;
    }
}
