using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Stress;

// Threads at work while others trim, count and look.
public abstract unsafe partial class StressConformance
{
    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void TrimWhileOthersWork(int threads)
    {
        int working = threads;
        Run(threads + 1, (random, index) =>
        {
            if (index == threads)
            {
                while (Volatile.Read(ref working) > 0)
                {
                    _heap.Trim();
                    Thread.Yield();
                }

                return;
            }

            try
            {
                Churn(random, Steps / threads / 4);
            }
            finally
            {
                Interlocked.Decrement(ref working);
            }
        });
        AssertEmpty();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void EveryThreadTrimsNowAndThen(int threads)
    {
        Run(threads, (random, index) =>
        {
            for (int burst = 0; burst < 40; burst++)
            {
                Churn(random, Steps / threads / 200);
                _heap.Trim();
            }
        });
        AssertEmpty();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void StatisticsWhileOthersWorkAreNeverImpossible(int threads)
    {
        int working = threads;
        Run(threads + 1, (random, index) =>
        {
            if (index == threads)
            {
                while (Volatile.Read(ref working) > 0)
                {
                    HakmemStatistics statistics = _heap.GetStatistics();
                    long most = statistics.IsFallback ? statistics.PeakCommittedBytes : statistics.ReservedBytes;
                    Assert.InRange(statistics.CommittedBytes, 0, most);
                    Assert.NotEmpty(statistics.ToString());
                    Thread.Yield();
                }

                return;
            }

            try
            {
                Churn(random, Steps / threads / 4);
            }
            finally
            {
                Interlocked.Decrement(ref working);
            }
        });
        AssertEmpty();
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void OwnsAndUsableSizeAndReallocOnThreadsThatDie(int threads)
    {
        // Each block is looked at and resized by a short-lived thread of its own, and freed by a third.
        ConcurrentQueue<Block> resized = new();
        Run(threads, (random, index) =>
        {
            for (int step = 0; step < 400 / threads; step++)
            {
                Block block = Allocate(random);
                Workers.RunOne(() =>
                {
                    Assert.True(_heap.Owns(block.Pointer));
                    Assert.True(_heap.UsableSize(block.Pointer) >= block.Bytes);
                    resized.Enqueue(block.Resize(_heap, block.Bytes + 1, block.Seed + 1));
                });
                if (resized.TryDequeue(out Block other))
                {
                    Release(other);
                }
            }
        });
        Drain(resized);
        AssertEmpty();
    }

    private void Churn(Random random, int steps)
    {
        List<Block> live = [];
        for (int step = 0; step < steps; step++)
        {
            if (live.Count < 10 || (live.Count < 300 && random.Next(2) == 0))
            {
                live.Add(Allocate(random));
            }
            else
            {
                int index = random.Next(live.Count);
                Release(live[index]);
                live[index] = live[^1];
                live.RemoveAt(live.Count - 1);
            }
        }

        live.ForEach(Release);
    }
}
