using System;
using System.Collections.Concurrent;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Stress;

// Many isolated heaps at once on many threads: each thread has a cache of each heap, heaps are disposed by threads that did not make
// them, and new heaps take their places.
public sealed unsafe class ManyHeapsStress
{
    private const int Threads = 4;

    [Fact]
    public void HeapsThatLiveTogetherDoNotMixTheirBlocks()
    {
        const int Heaps = 300;
        HakmemAllocator[] heaps = new HakmemAllocator[Heaps];
        for (int i = 0; i < Heaps; i++)
        {
            heaps[i] = new HakmemAllocator();
        }

        Workers.Run(Threads, index =>
        {
            Block[] blocks = new Block[Heaps];
            for (int round = 0; round < 3; round++)
            {
                for (int i = 0; i < Heaps; i++)
                {
                    blocks[i] = Block.Allocate(heaps[i], (nuint)(100 + i), (uint)(i + (index * 1_000)));
                }

                for (int i = 0; i < Heaps; i++)
                {
                    HakmemAllocator other = heaps[(i + 1) % Heaps];
                    Assert.False(other.Owns(blocks[i].Pointer));
                    Assert.Throws<HakmemCorruptionException>(() => other.Free(blocks[i].Pointer));
                    blocks[i].VerifyAndFree(heaps[i]);
                }
            }
        });
        foreach (HakmemAllocator heap in heaps)
        {
            Assert.Equal(0, heap.GetStatistics().LiveBlocks);
            heap.Trim();
            Assert.Equal(0, heap.GetStatistics().CommittedBytes);
            heap.Dispose();
        }
    }

    [Fact]
    public void HeapsComeAndGoWhileThreadsStay()
    {
        // In each round all threads share a few new heaps, and one of them disposes them all with blocks of every thread in them.
        // A cache that outlived its heap would hand the next round blocks of the last.
        const int Rounds = 150;
        HakmemAllocator[] heaps = NewHeaps();
        using Barrier barrier = new(Threads);
        Seeded.Run(seed => Workers.Run(Threads, index =>
        {
            Random random = new(seed + index);
            for (int round = 0; round < Rounds; round++)
            {
                foreach (HakmemAllocator heap in heaps)
                {
                    Use(heap, random);
                }

                barrier.SignalAndWait(CancellationToken.None);
                if (index == round % Threads)
                {
                    Array.ForEach(heaps, heap => heap.Dispose());
                    heaps = NewHeaps();
                }

                barrier.SignalAndWait(CancellationToken.None);
            }
        }));
        foreach (HakmemAllocator heap in heaps)
        {
            Assert.Equal(0, heap.GetStatistics().LiveBlocks);
            heap.Dispose();
        }
    }

    [Fact]
    public void ThreadsDieWithCachesOfHeapsThatAreDisposedLater()
    {
        ConcurrentQueue<HakmemAllocator> heaps = new();
        for (int generation = 0; generation < 60; generation++)
        {
            for (int i = 0; i < 3; i++)
            {
                heaps.Enqueue(new HakmemAllocator());
            }

            Workers.Run(2, index =>
            {
                foreach (HakmemAllocator heap in heaps)
                {
                    Use(heap, new Random(index));
                }
            });

            // The oldest go; the caches that dead threads had of them go with them.
            while (heaps.Count > 6 && heaps.TryDequeue(out HakmemAllocator? oldest))
            {
                oldest.Dispose();
            }
        }

        foreach (HakmemAllocator heap in heaps)
        {
            HeapHealth.AssertWorks(heap, expectedLiveBlocks: heap.GetStatistics().LiveBlocks);
            heap.Dispose();
        }
    }

    private static HakmemAllocator[] NewHeaps() => [new(), new(), new()];

    // Leaves a few blocks live and a few in the thread's cache.
    private static void Use(HakmemAllocator heap, Random random)
    {
        BlockLedger ledger = new(heap);
        for (int i = 0; i < 40; i++)
        {
            ledger.Allocate(BlockSizes.RandomSmall(random));
        }

        ledger.VerifyAll();
        for (int i = 0; i < 30; i++)
        {
            ledger.Free(random.Next(ledger.Count));
        }
    }
}
