using System;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Conformance;

// Members that are told a block's size, or tell it: Free with a size, AllocAtLeast, GoodSize and TryExpand.
public abstract unsafe partial class AllocatorConformance
{
    [Fact]
    public void SizedFreeTakesEverySizeUpToTheUsable()
    {
        foreach (nuint size in s_allSizes)
        {
            BlockLedger ledger = new(_heap);
            for (int i = 0; i < 5; i++)
            {
                ledger.Allocate(size);
            }

            FreeSized(ledger, size);
            FreeSized(ledger, ledger[0].Bytes);
            FreeSized(ledger, ledger[0].Bytes / 2);
            FreeSized(ledger, 1 > ledger[0].Bytes ? 0u : 1u);
            FreeSized(ledger, 0);
        }
    }

    [Fact]
    public void SizedFreeTakesAlignedAndResizedBlocks()
    {
        foreach (nuint alignment in new nuint[] { 16, 64, 4_096, 65_536, BlockSizes.SuperSlab })
        {
            foreach (nuint size in new nuint[] { 0, 1, 100, 5_000, BlockSizes.Mid, BlockSizes.Large })
            {
                _heap.Free(_heap.AlignedAlloc(size, alignment), size);
                _heap.Free(_heap.Realloc(_heap.Alloc(70_000), size, alignment), size);
                _heap.Free(_heap.Realloc(_heap.Alloc(70_000), size), size);
            }
        }
    }

    [Fact]
    public void SizedFreeOfALieThrowsAndKeepsTheBlock()
    {
        foreach (nuint size in s_allSizes)
        {
            // Neighbours of its size were freed before, so that the block's magazine has room.
            void* first = _heap.Alloc(size);
            void* second = _heap.Alloc(size);
            Block block = Block.Allocate(_heap, size, 1);
            _heap.Free(second, size);
            _heap.Free(first, size);
            nuint usable = _heap.UsableSize(block.Pointer);
            foreach (nuint lie in new nuint[] { usable + 1, usable + 16, (2 * usable) + 1, usable + BlockSizes.Large })
            {
                Corruption.AssertReported(block.Pointer, () => _heap.Free(block.Pointer, lie));
            }

            foreach (nuint lie in BlockSizes.Impossible)
            {
                Corruption.AssertReported(block.Pointer, () => _heap.Free(block.Pointer, lie));
            }

            // Still there: the next blocks are others, and it is freed once.
            Block other = Block.Allocate(_heap, size, 2);
            Assert.NotEqual(block.Address, other.Address);
            Assert.Equal(usable, _heap.UsableSize(block.Pointer));
            block.VerifyAndFree(_heap);
            other.VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void SizedFreeOfNullDoesNothing()
    {
        Block block = Block.Allocate(_heap, 100, 1);
        _heap.Free(null, 0);
        _heap.Free(null, 100);
        _heap.Free(null, nuint.MaxValue);
        block.VerifyAndFree(_heap);
    }

    [Fact]
    public void SizedFreeOfAPointerIntoABlockThrows()
    {
        foreach (nuint size in new nuint[] { 48, 100, 1_000, 5_000, BlockSizes.Mid, BlockSizes.Large })
        {
            Block block = Block.Allocate(_heap, size, 1);
            foreach (nuint offset in new nuint[] { 1, 8, 16, 32, size - 1 })
            {
                byte* inside = (byte*)block.Pointer + offset;
                foreach (nuint bytes in new nuint[] { 0, 1, size - offset, size, nuint.MaxValue })
                {
                    Corruption.AssertReported(inside, () => _heap.Free(inside, bytes));
                }
            }

            block.VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void SizedFreeOfAFreedBlockAndALieThrows()
    {
        foreach (nuint size in new nuint[] { 0, 48, 1_000, 5_000 })
        {
            // The heap keeps more blocks of the size, so that the address stays one of its blocks.
            void* keeper = _heap.Alloc(size);
            void* pointer = _heap.Alloc(size);
            _heap.Free(pointer, size);
            Corruption.AssertReported(pointer, () => _heap.Free(pointer, nuint.MaxValue));
            _heap.Free(keeper, size);
        }
    }

    [Fact]
    public void AllocAtLeastGivesTheGoodSize()
    {
        BlockLedger ledger = new(_heap);
        foreach (nuint size in s_allSizes)
        {
            nuint good = _heap.GoodSize(size);
            void* pointer = _heap.AllocAtLeast(size, out nuint usable);
            Assert.True(good >= size, $"The good size of {size} is {good}.");
            Assert.Equal(good, usable);
            Assert.Equal(good, _heap.GoodSize(good));
            Assert.Equal(usable, _heap.UsableSize(pointer));
            ledger.Add(pointer, size);
        }

        ledger.VerifyAll();
        ledger.FreeAll();
    }

    [Fact]
    public void GoodSizeNeverFallsAndCoversEveryBlock()
    {
        nuint last = 0;
        foreach (nuint size in s_allSizes)
        {
            nuint good = _heap.GoodSize(size);
            Assert.True(good >= last, $"The good size falls to {good} at {size}.");
            last = size > BlockSizes.MiB ? 0 : good;
            void* pointer = _heap.Alloc(size);
            Assert.InRange(_heap.UsableSize(pointer), size, good);
            _heap.Free(pointer, size);
        }
    }

    [Fact]
    public void GoodSizeOfAnImpossibleSizeIsThatSize()
    {
        foreach (nuint size in BlockSizes.Impossible)
        {
            Assert.Equal(size, _heap.GoodSize(size));
            Assert.Throws<OutOfMemoryException>(() => _heap.AllocAtLeast(size, out _));
        }
    }

    [Fact]
    public void TryExpandWithinTheUsableSizeIsTrue()
    {
        foreach (nuint size in s_allSizes)
        {
            Block block = Block.Allocate(_heap, size, 1);
            nuint usable = _heap.UsableSize(block.Pointer);
            Assert.True(_heap.TryExpand(block.Pointer, 0));
            Assert.True(_heap.TryExpand(block.Pointer, size));
            Assert.True(_heap.TryExpand(block.Pointer, usable));
            Assert.Equal(usable, _heap.UsableSize(block.Pointer));
            block.VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void TryExpandKeepsContentsWhateverItAnswers()
    {
        foreach (nuint size in s_allSizes)
        {
            Block block = Block.Allocate(_heap, size, 1);
            block = Expand(block, _heap.UsableSize(block.Pointer) + 1, 2);
            block = Expand(block, (2 * size) + 100, 3);
            block = Expand(block, block.Bytes + (3 * BlockSizes.MiB), 4);
            block.VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void TryExpandOfAGrownBlockKeepsContents()
    {
        // Realloc makes growable runs of units and SuperSlabs, which have room behind them.
        Block block = Block.Allocate(_heap, 70_000, 0);
        uint seed = 1;
        for (nuint size = 90_000; size < BlockSizes.Large; size += size / 3)
        {
            block = block.Resize(_heap, size, seed++);
            block = Expand(block, size + 50_000, seed++);
            block = Expand(block, size + (2 * BlockSizes.MiB), seed++);
        }

        block.VerifyAndFree(_heap);
    }

    [Fact]
    public void TryExpandToAnImpossibleSizeIsFalse()
    {
        foreach (nuint size in new nuint[] { 0, BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.Large })
        {
            Block block = Block.Allocate(_heap, size, 1);
            foreach (nuint impossible in BlockSizes.Impossible)
            {
                Assert.False(_heap.TryExpand(block.Pointer, impossible));
            }

            block.VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void TryExpandOfNullIsFalse()
    {
        Assert.False(_heap.TryExpand(null, 0));
        Assert.False(_heap.TryExpand(null, 100));
    }

    [Fact]
    public void TryExpandOfAPointerIntoABlockThrows()
    {
        foreach (nuint size in new nuint[] { 48, 1_000, BlockSizes.Mid, BlockSizes.Large })
        {
            Block block = Block.Allocate(_heap, size, 1);
            byte* inside = (byte*)block.Pointer + 16;
            Corruption.AssertReported(inside, () => _heap.TryExpand(inside, 0));
            Corruption.AssertReported(inside, () => _heap.TryExpand(inside, BlockSizes.Large));
            block.VerifyAndFree(_heap);
        }
    }

    private void FreeSized(BlockLedger ledger, nuint bytes) => _heap.Free(ledger.Remove(0).Pointer, bytes);

    // Expands if the heap can, and fills what the block has then. Its address cannot change.
    private Block Expand(Block block, nuint bytes, uint seed)
    {
        bool isLarger = _heap.TryExpand(block.Pointer, bytes);
        block.Verify();
        Assert.True(_heap.UsableSize(block.Pointer) >= (isLarger ? bytes : block.Bytes));
        return isLarger ? Block.Filled(block.Pointer, bytes, seed) : block;
    }
}
