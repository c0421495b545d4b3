using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Reclaim;
using Hakmem.Tests.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Stress;

// The reaper at work without a pause on threads that allocate, free, sleep and are woken: no block may be handed out twice or lost.
public sealed unsafe class ReaperStress
{
    private const int Threads = 4;
    private const int Rounds = 400;

    [Theory]
    [InlineData("small", false)]
    [InlineData("small", true)]
    [InlineData("mixed", false)]
    [InlineData("mixed", true)]
    public void NoBlockIsLostOrHandedOutTwice(string sizes, bool isTrimming) => Run(sizes, isTrimming, new HakmemOptions());

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NorInACheckedHeap(bool isTrimming) => Run("mixed", isTrimming, new HakmemOptions { Hardening = HardeningLevel.Checked });

    // All classes are paired there, and their magazines short.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NorInAHeapThatSamples(bool isTrimming) =>
        Run("mixed", isTrimming, new HakmemOptions { GuardedSampleInterval = 40, QuarantineBytes = 0 });

    private static void Run(string sizes, bool isTrimming, HakmemOptions ofMode) => Seeded.Run(seed =>
    {
        using TestArena test = new(2L << 30);
        ManualTime time = new();
        HakmemOptions options = ofMode with
        {
            PurgeDelay = TimeSpan.FromMilliseconds(100), SuperSlabCacheTtl = TimeSpan.FromMilliseconds(300),
        };
        using HakmemAllocator heap = new(options, test.Arena, new DecayTimer(time, () => false));
        int working = Threads;
        Workers.Run(Threads + 1, index =>
        {
            if (index == Threads)
            {
                for (int look = 1; Volatile.Read(ref working) > 0; look++)
                {
                    // Now and then nothing, so that bins fill and the timer comes to rest. The call of the system is
                    // for the garbage collector, which finds this thread stopped there: Wine does not let it stop one
                    // that only computes.
                    bool isPausing = look % 64 == 0;
                    time.Advance(isPausing ? 60_000 : 25);
                    if (isPausing)
                    {
                        Thread.Yield();
                    }

                    if (isTrimming && look % 8 == 0)
                    {
                        heap.Trim();
                    }
                }

                return;
            }

            try
            {
                Work(heap, new Random(seed + index), sizes == "small");
            }
            finally
            {
                Interlocked.Decrement(ref working);
            }
        });

        HakmemStatistics statistics = heap.GetStatistics();
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, statistics.LiveBytes);
        Assert.True(statistics.ReapedBlocks > 0, "Nothing was reaped.");
        ArenaAudit.Check(heap);
        time.Advance(3_600_000);
        Assert.Equal(0, heap.GetStatistics().CommittedBytes);
    });

    private static void Work(HakmemAllocator heap, Random random, bool isSmall)
    {
        List<Block> blocks = [];
        for (int round = 0; round < Rounds; round++)
        {
            int steps = random.Next(1, 200);
            for (int step = 0; step < steps; step++)
            {
                if (blocks.Count < 300 && random.Next(blocks.Count + 150) < 150)
                {
                    nuint size = isSmall ? (nuint)random.Next(1, 400) : BlockSizes.RandomSmall(random);
                    blocks.Add(Block.Allocate(heap, size, (uint)random.Next()));
                }
                else
                {
                    // The newest or any: through the same slots again and again, or across the magazine.
                    int index = random.Next(2) == 0 ? blocks.Count - 1 : random.Next(blocks.Count);
                    blocks[index].VerifyAndFree(heap);
                    blocks.RemoveAt(index);
                }
            }

            switch (random.Next(8))
            {
                case 0:
                    Thread.Sleep(1);
                    break;
                case 1:
                    Thread.Sleep(0);
                    break;
                case 2:
                    Thread.Yield();
                    break;
                case 3:
                    blocks.ForEach(block => block.VerifyAndFree(heap));
                    blocks.Clear();
                    Thread.Sleep(random.Next(3));
                    break;
            }
        }

        blocks.ForEach(block => block.VerifyAndFree(heap));
    }
}
