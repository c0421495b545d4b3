using System;
using System.Threading;
using Hakmem.Heaps;
using Hakmem.Profiling;
using Hakmem.Records;

namespace Hakmem;

// What a profiler needs of a heap.
public sealed unsafe partial class HakmemAllocator
{
    // Null until the heap is first profiled. Written once, by compare and exchange.
    private AllocationEstimates? _estimates;

    // Made by the first call.
    internal AllocationEstimates Estimates => Volatile.Read(ref _estimates) ??
        Interlocked.CompareExchange(ref _estimates, new AllocationEstimates(), null) ?? _estimates;

    private HakmemStatistics AddEstimates(HakmemStatistics own)
    {
        if (Volatile.Read(ref _estimates) is not { } estimates)
        {
            return own;
        }

        SampleTotals totals = estimates.Read();
        return own with
        {
            SampledBlocks = totals.Samples,
            AllocatedBlocks = (long)Math.Round(totals.AllocatedBlocks),
            AllocatedBytes = (long)Math.Round(totals.AllocatedBytes),
            FreedBlocks = (long)Math.Round(totals.FreedBlocks),
            FreedBytes = (long)Math.Round(totals.FreedBytes),
        };
    }

    // Throws NotSupportedException for a heap without an arena. purpose completes "a heap cannot ...".
    internal Heap RequireHeap(string purpose)
    {
        ThrowIfDisposed();
        return _heap ?? throw new NotSupportedException(
            $"A heap that NativeMemory serves cannot {purpose}: this process has no arena, or the allocator is not " +
            "Hakmem's own.");
    }

    // Gives the calling thread's cache, if it has one, the form that the heap wants now.
    internal void UpdateCacheForm()
    {
        ThreadCache* cache = CurrentThreadCache;
        if (cache != null)
        {
            _heap.UpdateForm(cache);
        }
    }

    // The record with the calling thread's magazines; null if it has none yet.
    private ThreadCache* CurrentThreadCache
    {
        get
        {
            ThreadCache* shared = Small.CurrentThread.Shared;
            return ThreadCache.MagazinesOf(
                ReferenceEquals(this, s_shared) ? shared : Small.CurrentThread.PeerOf(shared, _slot));
        }
    }
}
