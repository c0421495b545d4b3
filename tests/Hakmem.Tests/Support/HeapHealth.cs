using System;
using Xunit;

namespace Hakmem.Tests.Support;

// After a heap has met bad input or run out of memory: does it go on working?
internal static class HeapHealth
{
    // Allocates, verifies, resizes and frees at random, and comes back to where it started. The heap must not be in use elsewhere.
    public static void AssertWorks(HakmemAllocator heap, long expectedLiveBlocks)
    {
        Assert.Equal(expectedLiveBlocks, heap.GetStatistics().LiveBlocks);
        long liveBytes = heap.GetStatistics().LiveBytes;
        BlockLedger ledger = new(heap);
        Random random = new(1);
        for (int i = 0; i < 2_000; i++)
        {
            switch (random.Next(8))
            {
                case < 4:
                    ledger.Allocate(BlockSizes.RandomSmall(random));
                    break;
                case < 7 when ledger.Count > 0:
                    ledger.Free(random.Next(ledger.Count));
                    break;
                default:
                    if (ledger.Count > 0)
                    {
                        ledger.Resize(random.Next(ledger.Count), BlockSizes.RandomSmall(random));
                    }

                    break;
            }
        }

        // Many blocks of one small class and of one mid class: enough to empty and refill every cache on the way.
        for (int i = 0; i < 1_000; i++)
        {
            ledger.Allocate(BlockSizes.Tiny);
        }

        for (int i = 0; i < 12; i++)
        {
            ledger.Allocate(BlockSizes.Mid);
        }

        ledger.Allocate(BlockSizes.SuperSlab);
        ledger.VerifyAll();
        HakmemStatistics full = heap.GetStatistics();
        Assert.Equal(expectedLiveBlocks + ledger.Count, full.LiveBlocks);
        Assert.Equal(liveBytes + ledger.UsableBytes, full.LiveBytes);

        ledger.FreeAll();
        heap.Trim();
        HakmemStatistics empty = heap.GetStatistics();
        Assert.Equal(expectedLiveBlocks, empty.LiveBlocks);
        Assert.Equal(liveBytes, empty.LiveBytes);
    }
}
