using System;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Conformance;

// AlignedAlloc.
public abstract unsafe partial class AllocatorConformance
{
    [Fact]
    public void EveryAlignmentHoldsForSmallAndLargeSizes()
    {
        for (nuint alignment = 1; alignment <= 16 * BlockSizes.MiB; alignment *= 2)
        {
            BlockLedger ledger = new(_heap);
            for (int copy = 0; copy < 2; copy++)
            {
                ledger.AllocateAligned(0, alignment);
                ledger.AllocateAligned(1, alignment);
                ledger.AllocateAligned(100, alignment);
                ledger.AllocateAligned(5_000, alignment);
                ledger.AllocateAligned(BlockSizes.Mid, alignment);
                ledger.AllocateAligned(BlockSizes.MiB, alignment);
                ledger.AllocateAligned((3 * BlockSizes.SuperSlab) + 1, alignment);
            }

            ledger.VerifyAll();
            ledger.FreeAll();
        }
    }

    [Fact]
    public void SmallAlignmentsHoldForEveryClass()
    {
        foreach (nuint alignment in new nuint[] { 32, 64, 128, 256, 4096, 65_536 })
        {
            BlockLedger ledger = new(_heap);
            foreach (nuint size in BlockSizes.Classes)
            {
                ledger.AllocateAligned(size - 1, alignment);
                ledger.AllocateAligned(size, alignment);
            }

            ledger.VerifyAll();
            ledger.FreeAll();
        }
    }

    [Fact]
    public void AlignmentsThatAreNoPowerOfTwoAreRefused()
    {
        foreach (nuint alignment in new nuint[] { 0, 3, 12, 24, 48, 4097, nuint.MaxValue, ~(nuint.MaxValue >> 1) + 1 })
        {
            Assert.Throws<ArgumentException>(() => _heap.AlignedAlloc(64, alignment));
            Assert.Throws<ArgumentException>(() => _heap.AlignedAlloc(0, alignment));
        }
    }

    [Fact]
    public void AnImpossibleAlignmentIsOutOfMemory()
    {
        foreach (nuint alignment in BlockSizes.ImpossiblePowers)
        {
            Assert.Throws<OutOfMemoryException>(() => _heap.AlignedAlloc(64, alignment));
            Assert.Throws<OutOfMemoryException>(() => _heap.AlignedAlloc(BlockSizes.Large, alignment));
        }
    }

    [Fact]
    public void AlignedBlocksCanBeResized()
    {
        foreach (nuint alignment in new nuint[] { 16, 64, 4096, BlockSizes.SuperSlab, 8 * BlockSizes.MiB })
        {
            Block block = Block.Filled(_heap.AlignedAlloc(1_000, alignment), 1_000, 1);
            block = block.Resize(_heap, 50_000, 2);
            block = block.Resize(_heap, 3 * BlockSizes.MiB, 3);
            block = block.Resize(_heap, 500, 4);
            block.VerifyAndFree(_heap);
        }
    }
}
