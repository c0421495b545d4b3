using System;
using Hakmem.Os;

namespace Hakmem.Profiling;

// What the profilers of a heap estimate of all that was allocated and freed while they ran, of one after the other.
//
// Thread-safe, by a lock under which only a sampler's is taken.
internal sealed class AllocationEstimates
{
    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock: the totals of profilers that have ended, the one that runs, and what was read
    // last, so that nothing that was read grows smaller.
    private SampleTotals _ended;
    private HeapSampler? _running;
    private SampleTotals _read;

    // A sampler starts. One that another thread has stopped, and not ended here yet, ends.
    public void Begin(HeapSampler sampler)
    {
        using (_lock.Enter())
        {
            EndLocked();
            _running = sampler;
        }
    }

    // A sampler was stopped.
    public void End(HeapSampler sampler)
    {
        using (_lock.Enter())
        {
            if (_running == sampler)
            {
                EndLocked();
            }
        }
    }

    public SampleTotals Read()
    {
        using (_lock.Enter())
        {
            return _read = SampleTotals.Larger(_read, _ended.Plus(_running?.Totals ?? default));
        }
    }

    private void EndLocked()
    {
        _lock.AssertHeld();
        _ended = _ended.Plus(_running?.Totals ?? default);
        _running = null;
    }
}

// Sums over samples: how many, and how many allocations they stand for.
internal readonly record struct SampleTotals(
    long Samples, double AllocatedBlocks, double AllocatedBytes, double FreedBlocks, double FreedBytes)
{
    public static SampleTotals Larger(SampleTotals one, SampleTotals other) => new(
        Math.Max(one.Samples, other.Samples), Math.Max(one.AllocatedBlocks, other.AllocatedBlocks),
        Math.Max(one.AllocatedBytes, other.AllocatedBytes), Math.Max(one.FreedBlocks, other.FreedBlocks),
        Math.Max(one.FreedBytes, other.FreedBytes));

    public SampleTotals Plus(SampleTotals other) => new(
        Samples + other.Samples, AllocatedBlocks + other.AllocatedBlocks, AllocatedBytes + other.AllocatedBytes,
        FreedBlocks + other.FreedBlocks, FreedBytes + other.FreedBytes);
}
