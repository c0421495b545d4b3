using System;
using System.Collections.Concurrent;
using System.Threading;
using Hakmem.Os;
using Hakmem.Tests.Heaps;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Stress;

// Threads at work while others read what the heap says of itself.
public abstract unsafe partial class StressConformance
{
    private const int LeastReadings = 200;

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void StatisticsWhileOthersWorkAreAlwaysPossible(int threads)
    {
        RunBeside(threads, () =>
        {
            HakmemStatistics statistics = _heap.GetStatistics();
            StatisticsAudit.AssertPossible(statistics, KeepsCommitted);
            Assert.NotEmpty(statistics.ToString());
        });
        StatisticsAudit.AssertPossible(_heap.GetStatistics(), KeepsCommitted);
        AssertEmpty();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void MapsWhileOthersWorkAreAlwaysWellFormed(int threads)
    {
        RunBeside(threads, () => MapAudit.AssertWellFormed(GetHeapMap()));
        MapAudit.AssertWellFormed(GetHeapMap());
        AssertEmpty();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void VerificationWhileOthersWorkIsSound(int threads)
    {
        RunBeside(threads, () => HeapSoundness.Assert(Verify()));
        AssertEmpty();
    }

    // Whether no part of a SuperSlab is ever decommitted.
    protected virtual bool KeepsCommitted => SystemNeeds.Has(OsFeatures.DiscardKeepsCommitted);

    protected virtual HakmemHeapMap GetHeapMap() => ((HakmemAllocator)_heap).GetHeapMap();

    // Large blocks too, whose figures are kept elsewhere, and blocks freed by another thread than the one that
    // allocated them, so that caches and spans exchange them while they are counted. The reader goes on as long as
    // others work, and they work until it has read enough.
    private void RunBeside(int threads, Action read)
    {
        int working = threads;
        int readings = 0;
        ConcurrentQueue<Block>[] slots = NewQueues(threads * 32);
        Run(threads + 1, (random, index) =>
        {
            if (index == threads)
            {
                try
                {
                    while (Volatile.Read(ref working) > 0)
                    {
                        read();
                        Interlocked.Increment(ref readings);
                    }
                }
                finally
                {
                    // Whatever came of it, nobody waits for more.
                    Interlocked.Add(ref readings, LeastReadings);
                }

                return;
            }

            try
            {
                int least = Steps / threads / 8;
                for (int step = 0; step < least || Volatile.Read(ref readings) < LeastReadings; step++)
                {
                    Exchange(slots[random.Next(slots.Length)], random);
                }
            }
            finally
            {
                Interlocked.Decrement(ref working);
            }
        });
        Drain(slots);
    }

    private void Exchange(ConcurrentQueue<Block> slot, Random random)
    {
        if (!slot.TryDequeue(out Block block))
        {
            slot.Enqueue(Allocate(random));
        }
        else if (random.Next(4) == 0)
        {
            nuint size = random.Next(40) == 0 ? (nuint)random.Next(64 << 10, 3 << 20) : RandomSize(random);
            slot.Enqueue(block.Resize(_heap, size, (uint)random.Next()));
        }
        else
        {
            Release(block);
        }
    }
}
