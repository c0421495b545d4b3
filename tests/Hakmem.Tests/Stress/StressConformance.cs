using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Stress;

// Several threads on one heap, with every block's contents verified before it is freed. The work is a number of steps, never a
// time. Each test ends with all threads dead and all blocks free, where an isolated heap must have given everything back.
public abstract unsafe partial class StressConformance : IDisposable
{
    private readonly IHakmemAllocator _heap;

    protected StressConformance(IHakmemAllocator heap)
    {
        _heap = heap;
    }

    // Steps of all threads of a test together, so that more threads do not make a test longer. Fewer for modes in which a block costs
    // system calls.
    protected virtual int TotalSteps => 800_000;

    // A checked build takes four times as long for a step, so it takes fewer of them where there are many.
    private int Steps =>
#if DEBUG
        Math.Min(TotalSteps, 200_000);
#else
        TotalSteps;
#endif

    public static TheoryData<int> ThreadCounts { get; } = [2, 3, 8];

    public void Dispose()
    {
        if (_heap != HakmemAllocator.Shared)
        {
            ((IDisposable)_heap).Dispose();
        }

        GC.SuppressFinalize(this);
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void ThreadsThatKeepTheirBlocks(int threads)
    {
        Run(threads, (random, index) =>
        {
            Block[] slots = new Block[400];
            for (int step = 0; step < Steps / threads; step++)
            {
                ref Block slot = ref slots[random.Next(slots.Length)];
                Replace(ref slot, random);
            }

            Array.ForEach(slots, Release);
        });
        AssertEmpty();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void BlocksPassedThroughQueues(int threads)
    {
        ConcurrentQueue<Block>[] inboxes = NewQueues(threads);
        Run(threads, (random, index) =>
        {
            for (int step = 0; step < Steps / threads / 2; step++)
            {
                // A few waiting blocks for each one sent keeps every inbox short.
                inboxes[random.Next(threads)].Enqueue(Allocate(random));
                for (int received = 0; received < 2 && inboxes[index].TryDequeue(out Block block); received++)
                {
                    if (random.Next(8) == 0)
                    {
                        block = block.Resize(_heap, RandomSize(random), (uint)random.Next());
                    }

                    Release(block);
                }
            }
        });
        Drain(inboxes);
        AssertEmpty();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void OneProducerAndItsConsumers(int threads)
    {
        // One class only, so that whole magazines travel one way.
        foreach (nuint size in new nuint[] { 64, 1_024, 4_096, BlockSizes.Mid })
        {
            int count = size > 10_000 ? Steps / 400 : Steps / 20;
            using BlockingCollection<Block> queue = new(boundedCapacity: 500);
            Run(threads, (random, index) =>
            {
                if (index == 0)
                {
                    for (int i = 0; i < count; i++)
                    {
                        // No consumer takes this long: if it does, all of them have failed.
                        Assert.True(queue.TryAdd(Block.Allocate(_heap, size, (uint)i), TimeSpan.FromSeconds(30)));
                    }

                    queue.CompleteAdding();
                    return;
                }

                foreach (Block block in queue.GetConsumingEnumerable())
                {
                    block.VerifyAndFree(_heap);
                }
            });
            AssertEmpty();
        }
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void ThreadsThatDieWhileTheirBlocksLive(int threads)
    {
        ConcurrentQueue<Block> legacy = new();
        const int Generations = 12;
        for (int generation = 0; generation < Generations; generation++)
        {
            Run(threads, (random, index) =>
            {
                for (int step = 0; step < Steps / threads / Generations / 2; step++)
                {
                    legacy.Enqueue(Allocate(random));

                    // Later generations free somewhat more than they leave behind.
                    for (int freed = random.Next(generation < 3 ? 1 : 4); freed > 0 && legacy.TryDequeue(out Block block); freed--)
                    {
                        Release(block);
                    }
                }
            });
        }

        Drain(legacy);
        AssertEmpty();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void SlotsThatAnyThreadMayTake(int threads)
    {
        // Larson's pattern: a slot's block is most often freed by another thread than the one that allocated it.
        ConcurrentQueue<Block>[] slots = NewQueues(64);
        Run(threads, (random, index) =>
        {
            for (int step = 0; step < Steps / threads / 2; step++)
            {
                ConcurrentQueue<Block> slot = slots[random.Next(slots.Length)];
                if (slot.TryDequeue(out Block block))
                {
                    Release(block);
                }

                slot.Enqueue(Allocate(random));
            }
        });
        Drain(slots);
        AssertEmpty();
    }

    // From 32 KiB on a zeroed block asks what is known of its memory: all of it was written before, by any thread, and
    // some of it discarded.
    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void LargeZeroedBlocksAreZeroWhoeverUsedTheMemory(int threads)
    {
        ConcurrentQueue<Block>[] slots = NewQueues(threads * 2);
        Run(threads, (random, index) =>
        {
            for (int step = 0; step < Math.Max(Steps / 400, 400) / threads; step++)
            {
                ConcurrentQueue<Block> slot = slots[random.Next(slots.Length)];
                if (slot.TryDequeue(out Block block))
                {
                    Release(block);
                }

                nuint size = (nuint)random.Next(32 << 10, random.Next(8) == 0 ? 5 << 20 : 300 << 10);
                void* zeroed = _heap.AllocZeroed(size);
                Pattern.VerifyZero(zeroed, size);
                slot.Enqueue(Block.Filled(zeroed, size, (uint)random.Next()));
                if (random.Next(200) == 0)
                {
                    _heap.Trim();
                }
            }
        });
        Drain(slots);
        AssertEmpty();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void ResizesByThreadsThatDidNotAllocate(int threads)
    {
        ConcurrentQueue<Block>[] slots = NewQueues(threads * 8);
        Run(threads, (random, index) =>
        {
            for (int step = 0; step < Steps / threads / 4; step++)
            {
                ConcurrentQueue<Block> slot = slots[random.Next(slots.Length)];
                Block block = slot.TryDequeue(out Block found)
                    ? found.Resize(_heap, RandomSize(random), (uint)random.Next())
                    : Allocate(random);
                slot.Enqueue(block);
            }
        });
        Drain(slots);
        AssertEmpty();
    }

    // Runs the body on threads that each have their own repeatable random numbers, and names the seed if any of them fails.
    private static void Run(int threads, Action<Random, int> body)
    {
        Seeded.Run(seed => Workers.Run(threads, index => body(new Random(seed + index), index)));
    }

    private Block Allocate(Random random)
    {
        nuint size = RandomSize(random);
        uint seed = (uint)random.Next();
        switch (random.Next(16))
        {
            case 0:
                void* zeroed = _heap.AllocZeroed(size);
                Pattern.VerifyZero(zeroed, size);
                return Block.Filled(zeroed, size, seed);
            case 1:
                nuint alignment = (nuint)16 << random.Next(9);
                void* aligned = _heap.AlignedAlloc(size, alignment);
                Assert.True((nuint)aligned % alignment == 0, "The block is not aligned.");
                return Block.Filled(aligned, size, seed);
            default:
                return Block.Allocate(_heap, size, seed);
        }
    }

    private void Replace(ref Block slot, Random random)
    {
        Release(slot);
        slot = Allocate(random);
    }

    private void Release(Block block)
    {
        if (block != default)
        {
            block.VerifyAndFree(_heap);
        }
    }

    private void Drain(params IEnumerable<ConcurrentQueue<Block>> queues)
    {
        foreach (ConcurrentQueue<Block> queue in queues)
        {
            while (queue.TryDequeue(out Block block))
            {
                Release(block);
            }
        }
    }

    protected virtual HakmemVerification Verify() => ((HakmemAllocator)_heap).Verify();

    protected virtual void AssertEmpty()
    {
        _heap.Trim();
        HeapSoundness.Assert(Verify());
        if (_heap == HakmemAllocator.Shared)
        {
            return;
        }

        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(0, statistics.LiveBlocks);
        Assert.Equal(0, statistics.LiveBytes);
        Assert.Equal(0, statistics.CachedBytes);
        Assert.Equal(0, statistics.CommittedBytes);
    }

    private static ConcurrentQueue<Block>[] NewQueues(int count)
    {
        ConcurrentQueue<Block>[] queues = new ConcurrentQueue<Block>[count];
        for (int i = 0; i < count; i++)
        {
            queues[i] = new();
        }

        return queues;
    }

    // Small for the most part; one in a few thousand is large.
    private static nuint RandomSize(Random random) =>
        random.Next(4_000) == 0 ? (nuint)random.Next(1 << 20, 5 << 20) : BlockSizes.RandomSmall(random);
}
