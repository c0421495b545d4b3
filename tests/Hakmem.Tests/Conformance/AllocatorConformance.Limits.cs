using System;
using System.Runtime.InteropServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Conformance;

// Sizes that cannot be had, and addresses that are not the heap's.
public abstract unsafe partial class AllocatorConformance
{
    [Fact]
    public void ImpossibleSizesAreOutOfMemory()
    {
        foreach (nuint size in BlockSizes.Impossible)
        {
            Assert.Throws<OutOfMemoryException>(() => _heap.Alloc(size));
            Assert.Throws<OutOfMemoryException>(() => _heap.AllocZeroed(size));
            Assert.Throws<OutOfMemoryException>(() => _heap.AlignedAlloc(size, 16));
            Assert.Throws<OutOfMemoryException>(() => _heap.AlignedAlloc(size, 4096));
            Assert.Throws<OutOfMemoryException>(() => _heap.AlignedAlloc(size, BlockSizes.SuperSlab));
            Assert.Throws<OutOfMemoryException>(() => _heap.Realloc(null, size));
        }

        Block.Allocate(_heap, BlockSizes.Large, 1).VerifyAndFree(_heap);
    }

    [Fact]
    public void TryAllocReportsAnImpossibleSizeByItsResult()
    {
        foreach (nuint size in BlockSizes.Impossible)
        {
            Assert.False(_heap.TryAlloc(size, out void* pointer));
            Assert.True(pointer is null);
        }
    }

    [Fact]
    public void TryAllocGivesABlock()
    {
        BlockLedger ledger = new(_heap);
        foreach (nuint size in s_allSizes)
        {
            Assert.True(_heap.TryAlloc(size, out void* pointer));
            ledger.Add(pointer, size);
        }

        ledger.FreeAll();
    }

    [Fact]
    public void TypedAllocationCountsElements()
    {
        long* longs = _heap.Alloc<long>(1_000);
        Assert.True(_heap.UsableSize(longs) >= 8_000);
        new Span<long>(longs, 1_000).Fill(-1);
        _heap.Free(longs);

        long* zeros = _heap.AllocZeroed<long>(1_000);
        Assert.False(new ReadOnlySpan<long>(zeros, 1_000).ContainsAnyExcept(0));
        _heap.Free(zeros);
        Assert.Throws<OutOfMemoryException>(() => _heap.AllocZeroed<long>((nuint.MaxValue / 8) + 1));
        Guid* none = _heap.Alloc<Guid>(0);
        Assert.True(none is not null);
        _heap.Free(none);
    }

    [Fact]
    public void TypedAllocationThatOverflowsIsOutOfMemory()
    {
        Assert.Throws<OutOfMemoryException>(() => _heap.Alloc<long>(nuint.MaxValue));
        Assert.Throws<OutOfMemoryException>(() => _heap.Alloc<long>((nuint.MaxValue / 8) + 1));

        // 3 * count wraps round to 5 bytes.
        Assert.Throws<OutOfMemoryException>(() => _heap.Alloc<ThreeBytes>((nuint.MaxValue / 3) + 2));
    }

    [Fact]
    public void OwnsLiveBlocksAndTheirInterior()
    {
        nuint[] sizes = [1, BlockSizes.Tiny, 1_000, BlockSizes.Mid, BlockSizes.MiB, BlockSizes.SuperSlab + 1, BlockSizes.Large];
        foreach (nuint size in sizes)
        {
            byte* pointer = (byte*)_heap.Alloc(size);
            Assert.True(_heap.Owns(pointer));
            Assert.True(_heap.Owns(pointer + (size / 2)));
            Assert.True(_heap.Owns(pointer + size - 1));
            _heap.Free(pointer);
        }
    }

    [Fact]
    public void OwnsNothingForeign()
    {
        int onTheStack = 0;
        void* native = NativeMemory.Alloc(64);
        using HakmemAllocator otherHeap = new();
        void* tiny = otherHeap.Alloc(BlockSizes.Tiny);
        void* mid = otherHeap.Alloc(BlockSizes.Mid);
        void* large = otherHeap.Alloc(BlockSizes.Large);
        try
        {
            Assert.False(_heap.Owns(null));
            Assert.False(_heap.Owns((void*)1));
            Assert.False(_heap.Owns((void*)(nuint)4096));
            Assert.False(_heap.Owns((void*)nuint.MaxValue));
            Assert.False(_heap.Owns((void*)(nuint.MaxValue >> 1)));
            Assert.False(_heap.Owns(&onTheStack));
            Assert.False(_heap.Owns(native));
            Assert.False(_heap.Owns(tiny));
            Assert.False(_heap.Owns(mid));
            Assert.False(_heap.Owns(large));
        }
        finally
        {
            NativeMemory.Free(native);
        }
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1, Size = 3)]
    private struct ThreeBytes
    {
    }
}
