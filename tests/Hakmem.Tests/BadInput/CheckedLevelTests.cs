using System;
using System.Collections.Generic;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.BadInput;

// What HardeningLevel.Checked tells that Standard does not, and what it leaves as it is.
public sealed unsafe class CheckedLevelTests
{
    private static readonly nuint[] s_sizes = [1, 64, 256, 257, 1_024, 4_096, BlockSizes.Mid, BlockSizes.MiB, BlockSizes.Large];

    [Fact]
    public void ValuesKeepTheirNumbers()
    {
        Assert.Equal(0, (int)HardeningLevel.Standard);
        Assert.Equal(1, (int)HardeningLevel.Full);
        Assert.Equal(2, (int)HardeningLevel.Checked);
    }

    [Fact]
    public void FirstOfThreeFreesIsToldAtTheCallTheSecondTime()
    {
        using HakmemAllocator heap = NewHeap();
        foreach (nuint size in s_sizes)
        {
            void* a = heap.Alloc(size);
            void* b = heap.Alloc(size);
            heap.Free(a);
            heap.Free(b);
            Corruption.AssertReported(a, () => heap.Free(a));
            Corruption.AssertReported(a, () => heap.Realloc(a, 1));
            Corruption.AssertReported(a, () => heap.UsableSize(a));
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void FreeOfABlockAnotherThreadFreedIsToldAtTheCall()
    {
        using HakmemAllocator heap = NewHeap();
        foreach (nuint size in s_sizes)
        {
            void* block = heap.Alloc(size);
            Workers.RunOne(() => heap.Free(block));
            Corruption.AssertReported(block, () => heap.Free(block));
            Workers.RunOne(() => Corruption.AssertReported(block, () => heap.Free(block)));
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    // A failed call leaves the block as it was: still to be freed, once.
    [Fact]
    public void ReallocThatFailsLeavesTheBlockLive()
    {
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked, MaxBytes = 64 << 20 });
        foreach (nuint size in new nuint[] { 64, 100_000, BlockSizes.MiB + 1 })
        {
            void* block = heap.Alloc(size);
            Assert.Throws<OutOfMemoryException>(() => heap.Realloc(block, 128 << 20));
            Assert.True(heap.UsableSize(block) >= size);
            heap.Free(block);
            Corruption.AssertReported(block, () => heap.Free(block));
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void AddressesOfADisposedHeapAreNotLiveInTheNext()
    {
        using TestArena test = new();
        List<nint> stale = [];
        using (HakmemAllocator first = NewHeap(test.Arena))
        {
            foreach (nuint size in s_sizes)
            {
                stale.Add((nint)first.Alloc(size));
            }
        }

        using HakmemAllocator second = NewHeap(test.Arena);
        void* kept = second.Alloc(64);
        foreach (nint address in stale)
        {
            if (address != (nint)kept)
            {
                Corruption.AssertReported((void*)address, () => second.Free((void*)address));
            }
        }

        second.Free(kept);
        HeapHealth.AssertWorks(second, expectedLiveBlocks: 0);
    }

    // The table knows that a block begins there, not whose.
    [Fact]
    public void BlockOfAnotherCheckedHeapIsRefusedAndStaysLive()
    {
        using HakmemAllocator heap = NewHeap();
        using HakmemAllocator other = NewHeap();
        foreach (nuint size in s_sizes)
        {
            void* block = other.Alloc(size);
            Corruption.AssertReported(block, () => heap.Free(block));
            Corruption.AssertReported(block, () => heap.Realloc(block, 1));
            other.Free(block);
        }

        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
        HeapHealth.AssertWorks(other, expectedLiveBlocks: 0);
    }

    [Fact]
    public void HeapThatFindsNoRoomForTheTableIsNotMade()
    {
        using TestArena test = new();
        test.Os.Refuse(_ => true);
        Assert.Throws<OutOfMemoryException>(() => NewHeap(test.Arena));
        test.Os.RefuseNone();
        using HakmemAllocator heap = NewHeap(test.Arena);
        HeapHealth.AssertWorks(heap, expectedLiveBlocks: 0);
    }

    // Guard pages and poison would show: free memory of this level is as its last holder left it.
    [Fact]
    public void FreedMemoryIsNotWritten()
    {
        using HakmemAllocator heap = NewHeap();
        byte* block = (byte*)heap.Alloc(64);
        new Span<byte>(block, 64).Fill(0x5A);
        heap.Free(block);
        Assert.Equal(-1, new ReadOnlySpan<byte>(block, 64).IndexOfAnyExcept((byte)0x5A));
    }

    private static HakmemAllocator NewHeap(Hakmem.Pages.Arena? arena = null)
    {
        HakmemOptions options = new() { Hardening = HardeningLevel.Checked };
        return arena is null ? new HakmemAllocator(options) : new HakmemAllocator(options, arena);
    }
}
