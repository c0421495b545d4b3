using System;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Profiling;

// What the statistics say of all that was allocated and freed while a heap was profiled.
public sealed unsafe class AllocationEstimatesTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void NothingIsKnownOfAHeapThatWasNeverProfiled()
    {
        _heap.Free(_heap.Alloc(100));
        RequireTotals(0, 0, 0, 0);
        Assert.Equal(0, _heap.GetStatistics().SampledBlocks);
        Assert.DoesNotContain("allocated", _heap.GetStatistics().ToString(), StringComparison.Ordinal);
    }

    // With a mean of a byte all blocks are sampled; tagged ones belong to the same heap.
    [Fact]
    public void TotalsAreOfAllProfilersTogether()
    {
        void* live = _heap.Alloc(1_000);
        using MemoryTag tag = new("tag");
        IHakmemAllocator tagged = _heap.ForTag(tag);
        using (HakmemProfiler.Start(_heap, 1))
        {
            _heap.Free(live);
            _heap.Free(_heap.Alloc(300));
            void* ofTag = tagged.Alloc(2 << 20);
            RequireTotals(2, (2 << 20) + 300, 1, 300);
            tagged.Free(ofTag);
            live = _heap.Alloc(500);
        }

        RequireTotals(3, (2 << 20) + 800, 2, (2 << 20) + 300);

        // Its sample ended with the profiler.
        _heap.Free(live);
        _heap.Free(_heap.Alloc(100));
        RequireTotals(3, (2 << 20) + 800, 2, (2 << 20) + 300);
        using (HakmemProfiler.Start(_heap, 1))
        {
            _heap.Free(_heap.Alloc(1 << 20));
            RequireTotals(4, (3 << 20) + 800, 3, (3 << 20) + 300);
        }

        RequireTotals(4, (3 << 20) + 800, 3, (3 << 20) + 300);
        Assert.Equal(4, _heap.GetStatistics().SampledBlocks);
        Assert.Contains("in 4 blocks while profiled", _heap.GetStatistics().ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AResizedLargeBlockIsOneMoreThatWasAllocatedAndFreed()
    {
        using HakmemProfiler profiler = HakmemProfiler.Start(_heap, 1);
        void* block = _heap.Alloc(3 << 20);
        block = _heap.Realloc(block, 5 << 20);
        RequireTotals(2, 8 << 20, 1, 3 << 20);
        _heap.Free(block);
        RequireTotals(2, 8 << 20, 2, 8 << 20);
    }

    [Fact]
    public void TotalsAreUnbiased()
    {
        const int Count = 300_000;
        const int Bytes = 1_000;
        const long Mean = 64 << 10;
        using HakmemProfiler profiler = Profilers.StartUnbounded(_heap, Mean);
        for (int i = 0; i < Count; i++)
        {
            void* block = _heap.Alloc(Bytes);
            if (i % 2 == 0)
            {
                _heap.Free(block);
            }
        }

        double chance = 1 - Math.Exp(-(double)_heap.GoodSize(Bytes) / Mean);
        double error = 5 * Math.Sqrt(Count * (1 - chance) / chance);
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.InRange(statistics.AllocatedBlocks, Count - error, Count + error);
        Assert.InRange(statistics.FreedBlocks, (Count / 2) - error, (Count / 2) + error);
        Assert.InRange(statistics.AllocatedBytes, (Count - error) * Bytes, (Count + error) * Bytes);
        Assert.InRange(statistics.FreedBytes, ((Count / 2) - error) * Bytes, ((Count / 2) + error) * Bytes);
    }

    // Profilers come and go, blocks are moved, and whoever reads sees no figure grow smaller.
    [Fact]
    public void TotalsNeverGrowSmaller()
    {
        using CancellationTokenSource end = new();
        Workers.Run(3, index =>
        {
            if (index == 0)
            {
                for (int i = 0; i < 200; i++)
                {
                    using HakmemProfiler profiler = HakmemProfiler.Start(_heap, 1);
                    void* block = _heap.Alloc(2 << 20);
                    block = _heap.Realloc(block, 4 << 20);
                    _heap.Free(block);
                }

                end.Cancel();
                return;
            }

            HakmemStatistics before = _heap.GetStatistics();
            while (!end.IsCancellationRequested)
            {
                HakmemStatistics now = _heap.GetStatistics();
                Assert.True(
                    now.SampledBlocks >= before.SampledBlocks && now.AllocatedBlocks >= before.AllocatedBlocks &&
                    now.AllocatedBytes >= before.AllocatedBytes && now.FreedBlocks >= before.FreedBlocks &&
                    now.FreedBytes >= before.FreedBytes,
                    $"{before}\n{now}");
                before = now;
            }
        });

        // Each round: two that were allocated, and freed.
        RequireTotals(400, 200 * (6L << 20), 400, 200 * (6L << 20));
    }

    private void RequireTotals(long allocated, long allocatedBytes, long freed, long freedBytes)
    {
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(
            (allocated, allocatedBytes, freed, freedBytes),
            (statistics.AllocatedBlocks, statistics.AllocatedBytes, statistics.FreedBlocks, statistics.FreedBytes));
    }
}
