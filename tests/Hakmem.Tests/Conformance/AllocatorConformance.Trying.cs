using System;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Conformance;

// TryAllocZeroed, TryAlignedAlloc and TryRealloc, and Realloc with an alignment.
public abstract unsafe partial class AllocatorConformance
{
    private static readonly nuint[] s_notPowersOfTwo = [0, 3, 12, 24, 4097, nuint.MaxValue];

    [Fact]
    public void TryAllocZeroedGivesZeroesOnADirtyHeap()
    {
        foreach (nuint size in s_allSizes)
        {
            void* dirty = _heap.Alloc(size);
            new Span<byte>(dirty, (int)size).Fill(0xFF);
            _heap.Free(dirty, size);
            Assert.True(_heap.TryAllocZeroed(size, out void* pointer));
            Pattern.VerifyZero(pointer, size);
            Block.Filled(pointer, size, 1).VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void TryAlignedAllocAligns()
    {
        for (nuint alignment = 1; alignment <= 4 * BlockSizes.MiB; alignment *= 2)
        {
            foreach (nuint size in new nuint[] { 0, 1, 100, BlockSizes.Mid, BlockSizes.SuperSlab + 1 })
            {
                Assert.True(_heap.TryAlignedAlloc(size, alignment, out void* pointer));
                Assert.True((nuint)pointer % alignment == 0);
                Block.Filled(pointer, size, 1).VerifyAndFree(_heap);
            }
        }
    }

    [Fact]
    public void TryingAnImpossibleSizeIsFalseAndNull()
    {
        foreach (nuint size in BlockSizes.Impossible)
        {
            Assert.False(_heap.TryAllocZeroed(size, out void* zeroed));
            Assert.False(_heap.TryAlignedAlloc(size, 64, out void* aligned));
            void* resized = null;
            Assert.False(_heap.TryRealloc(ref resized, size));
            Assert.True(zeroed is null && aligned is null && resized is null);
        }

        foreach (nuint alignment in BlockSizes.ImpossiblePowers)
        {
            Assert.False(_heap.TryAlignedAlloc(64, alignment, out void* aligned));
            Assert.True(aligned is null);
        }
    }

    [Fact]
    public void AlignmentsThatAreNoPowerOfTwoThrow()
    {
        Block block = Block.Allocate(_heap, 100, 1);
        foreach (nuint alignment in s_notPowersOfTwo)
        {
            Assert.Throws<ArgumentException>(() => _heap.TryAlignedAlloc(64, alignment, out _));
            Assert.Throws<ArgumentException>(() => _heap.Realloc(null, 64, alignment));
            Assert.Throws<ArgumentException>(() => _heap.Realloc(block.Pointer, 64, alignment));
            void* pointer = block.Pointer;
            Assert.Throws<ArgumentException>(() => _heap.TryRealloc(ref pointer, 64, alignment));
        }

        block.VerifyAndFree(_heap);
    }

    [Fact]
    public void TryReallocOfNullAllocates()
    {
        foreach (nuint size in s_allSizes)
        {
            void* pointer = null;
            Assert.True(_heap.TryRealloc(ref pointer, size));
            Block.Filled(pointer, size, 1).VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void TryReallocThroughEverySizeKeepsTheContents()
    {
        Block block = Block.Allocate(_heap, 0, 0);
        uint seed = 1;
        for (int i = 0; i < 2 * s_allSizes.Count; i++)
        {
            // Up through all sizes, and down again.
            nuint size = s_allSizes[i < s_allSizes.Count ? i : (2 * s_allSizes.Count) - 1 - i];
            void* pointer = block.Pointer;
            Assert.True(_heap.TryRealloc(ref pointer, size));
            Pattern.Verify(pointer, nuint.Min(block.Bytes, size), block.Seed);
            block = Block.Filled(pointer, size, seed++);
        }

        block.VerifyAndFree(_heap);
    }

    [Fact]
    public void AFailedTryReallocLeavesTheBlock()
    {
        foreach (nuint size in new nuint[] { 0, BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.Large })
        {
            Block block = Block.Allocate(_heap, size, 1);
            foreach (nuint impossible in BlockSizes.Impossible)
            {
                void* pointer = block.Pointer;
                Assert.False(_heap.TryRealloc(ref pointer, impossible));
                Assert.True(pointer == block.Pointer);
                Assert.Throws<OutOfMemoryException>(() => _heap.Realloc(block.Pointer, impossible, 64));
                Assert.False(_heap.TryRealloc(ref pointer, impossible, 64));
                Assert.True(pointer == block.Pointer);
            }

            block.VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void TryReallocOfAPointerIntoABlockThrows()
    {
        Block block = Block.Allocate(_heap, 1_000, 1);
        byte* inside = (byte*)block.Pointer + 16;
        void* pointer = inside;
        Corruption.AssertReported(inside, () => _heap.TryRealloc(ref pointer, 100));
        Assert.True(pointer == inside);
        block.VerifyAndFree(_heap);
    }

    [Fact]
    public void AlignedReallocOfNullAllocates()
    {
        foreach (nuint alignment in new nuint[] { 1, 16, 4_096, BlockSizes.SuperSlab })
        {
            void* pointer = _heap.Realloc(null, 1_000, alignment);
            Assert.True((nuint)pointer % alignment == 0);
            Block.Filled(pointer, 1_000, 1).VerifyAndFree(_heap);
            pointer = null;
            Assert.True(_heap.TryRealloc(ref pointer, 1_000, alignment));
            Assert.True((nuint)pointer % alignment == 0);
            Block.Filled(pointer, 1_000, 2).VerifyAndFree(_heap);
        }
    }

    // From any alignment to any other, at sizes that stay, grow and shrink: a block that could stay has to move if its
    // address is not aligned.
    [Fact]
    public void AlignedReallocAlignsWhateverTheBlockWas()
    {
        nuint[] sizes =
        [
            100, 100, 1_000, 70_000, 70_000, BlockSizes.Large, BlockSizes.Large + 100, 3 * BlockSizes.Large,
            BlockSizes.Mid, 0,
        ];
        foreach (nuint alignment in new nuint[] { 1, 64, 4_096, 65_536, BlockSizes.SuperSlab, 4 * BlockSizes.MiB })
        {
            // Neighbours make it unlikely that a block is aligned by chance.
            Block neighbour = Block.Allocate(_heap, 100, 0);
            Block block = Block.Allocate(_heap, 100, 1);
            uint seed = 2;
            foreach (nuint size in sizes)
            {
                block = Realign(block, size, alignment, seed++);
                block = block.Resize(_heap, size + 10, seed++);
                block = Realign(block, size, alignment, seed++);
                block = Realign(block, size, 16, seed++);
            }

            block.VerifyAndFree(_heap);
            neighbour.VerifyAndFree(_heap);
        }
    }

    private Block Realign(Block block, nuint bytes, nuint alignment, uint seed)
    {
        block.Verify();
        void* moved = block.Pointer;
        if (seed % 2 == 0)
        {
            moved = _heap.Realloc(moved, bytes, alignment);
        }
        else
        {
            Assert.True(_heap.TryRealloc(ref moved, bytes, alignment));
        }

        Assert.True(
            (nuint)moved % alignment == 0,
            $"Realloc to {bytes} bytes at a multiple of {alignment} gave 0x{(ulong)moved:x}.");
        Pattern.Verify(moved, nuint.Min(block.Bytes, bytes), block.Seed);
        return Block.Filled(moved, bytes, seed);
    }
}
