using System;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Guarded;

// Chooses the allocations that guarded sampling serves with guarded blocks: about one in `interval` of each thread's.
//
// The fast path counts nothing. All size classes of such a heap are paired, and a magazine holds at most `interval`
// blocks (SizeClassInfo.CreateTable). Whenever a magazine is used up, the slow path runs and counts in advance the
// blocks that the fast path can now serve. A sampled allocation is therefore the first after an exchange of magazines;
// random intervals keep it from being the same allocation of a program's loop each time. Blocks that the reaper takes
// out of a magazine were counted, so the next sample comes early.
internal sealed unsafe class AllocationSampler(GuardedBlocks guards, GuardedKind kind, int interval) : SamplingHook
{
    // Larger blocks are not sampled.
    private const nuint MaxBlockBytes = 256 << 10;

    // No block is sampled while the ranges of live guarded blocks take this much address space.
    private const long MaxLiveRangeBytes = 32L << 20;

    // Returns a guarded block if a sample is due; null if not, or if memory is out.
    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        if (cache == null || !IsDue(cache) || byteCount > MaxBlockBytes || alignment > Geometry.UnitBytes ||
            guards.LiveRangeBytes >= MaxLiveRangeBytes)
        {
            return null;
        }

        return kind.TryAllocate(cache, byteCount, alignment, isZeroed);
    }

    // Counts allocations that were served, or that the fast path can now serve.
    public override void CountAllocations(ThreadCache* cache, int allocations)
    {
        // Zero means that the countdown has not begun.
        int left = cache->UntilSample - allocations;
        cache->UntilSample = left == 0 ? -1 : left;
    }

    private bool IsDue(ThreadCache* cache)
    {
        int left = cache->UntilSample;
        if (left > 0)
        {
            return false;
        }

        // Allocations served beyond the last interval shorten the next one.
        int next = Random.Shared.Next(1, 2 * interval) + left;
        cache->UntilSample = next > 0 ? next : -1;
        return left < 0;
    }
}
