using System;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Guarded;

// Chooses the allocations that guarded sampling turns into guarded blocks: about one in Interval of each thread's.
//
// Nothing is counted on the fast path. The heap's size classes are all paired and their magazines hold no more than Interval blocks (see
// SizeClassInfo.CreateTable), so that the slow path is entered whenever a magazine has been used up; it counts what it has just made
// visible in advance. So a sampled allocation is always the first of a magazine's worth, and intervals are drawn at random so that it is
// not always the same one of a program's loop. Blocks that the reaper takes out of a magazine have been counted: the next sample then comes early.
//
// No state but the countdown in the calling thread's cache.
internal sealed unsafe class AllocationSampler(GuardedBlocks guards, GuardedKind kind, int interval) : SamplingHook
{
    // Larger blocks are not sampled ...
    private const nuint MaxBlockBytes = 256 << 10;

    // ... and none while live ones' ranges take this much address space.
    private const long MaxLiveRangeBytes = 32L << 20;

    // A guarded block if one is due; null if not, or if memory is out.
    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        if (cache == null || !IsDue(cache) || byteCount > MaxBlockBytes || alignment > Geometry.UnitBytes ||
            guards.LiveRangeBytes >= MaxLiveRangeBytes)
        {
            return null;
        }

        return kind.TryAllocate(cache, byteCount, alignment, isZeroed);
    }

    // Counts allocations that have been served, or that the fast path can now serve.
    public override void CountAllocations(ThreadCache* cache, int allocations)
    {
        // Zero is a countdown that has not begun.
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

        // What was served beyond the last interval is taken off the next one.
        int next = Random.Shared.Next(1, 2 * interval) + left;
        cache->UntilSample = next > 0 ? next : -1;
        return left < 0;
    }
}
