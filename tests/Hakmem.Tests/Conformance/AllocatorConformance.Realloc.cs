using System;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Conformance;

// Realloc.
public abstract unsafe partial class AllocatorConformance
{
    [Fact]
    public void ReallocOfNullAllocates()
    {
        foreach (nuint size in new nuint[] { 0, 1, BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.Large })
        {
            void* pointer = _heap.Realloc(null, size);
            Assert.True(_heap.UsableSize(pointer) >= size);
            Block.Filled(pointer, size, 1).VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void ReallocToZeroGivesABlock()
    {
        foreach (nuint size in new nuint[] { 0, 1, BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.Large })
        {
            Block block = Block.Allocate(_heap, size, 1).Resize(_heap, 0, 2);
            Assert.True(_heap.Owns(block.Pointer));

            // It is a block of its own, and grows again like any other.
            Block other = Block.Allocate(_heap, 0, 3);
            Assert.NotEqual(block.Address, other.Address);
            block.Resize(_heap, size + 100, 4).VerifyAndFree(_heap);
            other.VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void GrowingAndShrinkingThroughEverySizeKeepsTheContents()
    {
        // A neighbour that follows each step's size shows a resize that writes past its block.
        Block block = Block.Allocate(_heap, 0, 0);
        uint seed = 1;
        for (int i = 0; i < s_allSizes.Count; i++)
        {
            Step(s_allSizes[i]);
        }

        for (int i = s_allSizes.Count - 1; i >= 0; i--)
        {
            Step(s_allSizes[i]);
        }

        block.VerifyAndFree(_heap);

        void Step(nuint size)
        {
            Block neighbour = Block.Allocate(_heap, size, seed++);
            block = block.Resize(_heap, size, seed++);
            neighbour.VerifyAndFree(_heap);
        }
    }

    [Fact]
    public void LongJumpsBetweenSizesKeepTheContents()
    {
        nuint[] sizes =
        [
            1, BlockSizes.Mid, 17, BlockSizes.Large, 100, 20 * BlockSizes.MiB, BlockSizes.Mid, BlockSizes.SuperSlab, 0,
            BlockSizes.MiB, BlockSizes.MiB + 1, 48,
        ];
        Block block = Block.Allocate(_heap, 64, 0);
        uint seed = 1;
        for (int round = 0; round < 3; round++)
        {
            foreach (nuint size in sizes)
            {
                block = block.Resize(_heap, size, seed++);
            }
        }

        block.VerifyAndFree(_heap);
    }

    [Fact]
    public void RandomResizesKeepTheContents()
    {
        Seeded.Run(seed =>
        {
            Random random = new(seed);
            BlockLedger ledger = new(_heap);
            for (int i = 0; i < 40; i++)
            {
                ledger.Allocate(BlockSizes.RandomSmall(random));
            }

            for (int i = 0; i < 4_000; i++)
            {
                nuint size = random.Next(200) == 0
                    ? BlockSizes.LargeSizes[random.Next(BlockSizes.LargeSizes.Count - 1)]
                    : BlockSizes.RandomSmall(random);
                ledger.Resize(random.Next(ledger.Count), size);
            }

            ledger.FreeAll();
        });
    }

    // The pages of a large block may be moved when it grows. Where they were is memory like any other afterwards: an
    // emulator kept the contents of such pages when it was told to discard them, and zeroed blocks were not zero.
    [Fact]
    public void WhereABlockGrewFromZeroedBlocksAreZero()
    {
        Block[] grown = new Block[4];
        for (uint i = 0; i < grown.Length; i++)
        {
            Block block = Block.Allocate(_heap, 2 * BlockSizes.SuperSlab, i);
            Block wall = Block.Allocate(_heap, BlockSizes.SuperSlab, i);
            grown[i] = block.Resize(_heap, 5 * BlockSizes.SuperSlab, i);
            wall.VerifyAndFree(_heap);
        }

        // Small blocks take the place. Most of them are freed, but some in each SuperSlab stay.
        Block[] small = new Block[(int)(8 * BlockSizes.SuperSlab / BlockSizes.Mid)];
        for (int i = 0; i < small.Length; i++)
        {
            small[i] = Block.Allocate(_heap, BlockSizes.Mid, (uint)i);
        }

        for (int i = 0; i < small.Length; i++)
        {
            if (i % 16 != 0)
            {
                small[i].VerifyAndFree(_heap);
            }
        }

        _heap.Trim();
        for (int i = 0; i < small.Length; i++)
        {
            if (i % 16 != 0)
            {
                void* zeroed = _heap.AllocZeroed(BlockSizes.Mid);
                Pattern.VerifyZero(zeroed, BlockSizes.Mid);
                small[i] = Block.Filled(zeroed, BlockSizes.Mid, (uint)i);
            }
        }

        Array.ForEach(small, block => block.VerifyAndFree(_heap));
        Array.ForEach(grown, block => block.VerifyAndFree(_heap));
    }

    [Fact]
    public void AFailedReallocLeavesTheOldBlock()
    {
        foreach (nuint size in new nuint[] { 0, BlockSizes.Tiny, BlockSizes.Mid, BlockSizes.Large })
        {
            Block block = Block.Allocate(_heap, size, 1);
            foreach (nuint impossible in BlockSizes.Impossible)
            {
                Assert.Throws<OutOfMemoryException>(() => _heap.Realloc(block.Pointer, impossible));
            }

            Assert.True(_heap.UsableSize(block.Pointer) >= size);
            block.VerifyAndFree(_heap);
        }
    }
}
