using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Small;

namespace Hakmem.Reclaim;

// How one heap's unused memory comes back: by itself with time, and at once when it is asked for or short.
//
//   unused for an interval:   idle threads' caches, depots' full magazines  ->  spans
//   unused for PurgeDelay:    free units, empty SuperSlabs                  ->  discarded
//   unused for the TTL:       empty SuperSlabs                              ->  decommitted
//
// An interval is a quarter of the delay. Blocks wait at most two of them to come back to their spans, and empty memory at most half of one longer than
// the delay: together that is 13/8 of it. The other 3/8 are for what the looks themselves take, which do not put each other off. It rests when nothing has happened and nothing is left that time would give
// back. Blocks that cannot be had now (of threads not known to be at rest) are looked for a few times more, after ever longer intervals:
// by then idle pool threads have ended.
//
// What hardening keeps from reuse is in use here: its quarantines are bounded by bytes, and time takes from them only what came in beyond that.
//
// Thread-safe: one lock, outermost of the heap's. Statistics take it too, since blocks on their way from a cache to a span are in no count.
internal sealed class HeapDecay(
    HeapLimits limits, SuperSlabCache superSlabs, UnitAllocator units, DepotSet depots, ThreadCacheRegistry registry, CacheReaper reaper, DecayTimer? timer,
    BlockQuarantine? freed = null)
    : DecayTarget(timer)
{
    // Intervals in the delay.
    private const int LooksPerDelay = 4;

    private const long MinIntervalMs = 10;
    private const long MaxIntervalMs = 3_600_000;

    // How often it looks, after twice as long each time, for blocks that it cannot have. From a quarter of a second that is two minutes.
    private const int MaxFruitlessLooks = 8;

    // Guarded by SyncRoot.
    private int _fruitlessLooks;
    private bool _isStopped;

    // What was found where no exception may say so, until a Trim does: the exception, or the address of a block that
    // was free already, for which the one who asks makes it; null and zero for nothing. Exchanged with full fences.
    private HakmemCorruptionException? _unreported;
    private long _unreportedAddress;

    public UninterruptibleLock SyncRoot { get; } = new();

    // With the records of all heaps: what dead threads leave of those comes back by a look as well.
    public override long CommittedBytes => superSlabs.CommittedBytes + superSlabs.Arena.Metadata.HeldBytes;

    public override long IntervalMs { get; } =
        Math.Clamp(Math.Min(limits.PurgeDelayMs, limits.CacheTtlMs) / LooksPerDelay, MinIntervalMs, MaxIntervalMs);

    // Guarded by SyncRoot.
    public long ReapedBlocks => reaper.ReapedBlocks;

    public override long Decay(bool isMemoryShort)
    {
        long begin = limits.NowMs;
        nuint corruptAddress = 0;
        long next;
        try
        {
            next = LookInside(isMemoryShort, begin, ref corruptAddress);
        }
        finally
        {
            Report(corruptAddress);
        }

        // Here, once, rather than in an allocation that would have to wait for it. Last, so that a failure leaves no
        // memory where it is.
        superSlabs.Arena.RefreshLimit();
        return next;
    }

    // Gives back all that is not in use, other threads' caches included as far as they can be had; the caller has emptied its own, and
    // what hardening keeps from reuse. Gives what was found of a block that was free already, or null.
    public HakmemCorruptionException? Trim()
    {
        nuint corruptAddress;
        using (SyncRoot.Enter())
        {
            corruptAddress = TrimLocked();
        }

        return Misuse.LateDoubleFree(corruptAddress);
    }

    // The same for an allocation that failed. Empty SuperSlabs stay where they are, since that allocation takes them or
    // has them given back as it needs, and so do the pages of free units, which count as committed either way; the
    // threads that go on would have to get both anew. Gives the address of a block found free already, or 0. See that
    // PurgeExcess is called with no lock held.
    public nuint Reclaim()
    {
        using (SyncRoot.Enter())
        {
            nuint corruptAddress = EmptyCaches();
            superSlabs.AwaitPurge();
            return corruptAddress;
        }
    }

    public void Report(HakmemCorruptionException? finding)
    {
        if (finding is not null)
        {
            Interlocked.Exchange(ref _unreported, finding);
        }
    }

    // The same for a block that was found free already: no exception is made before somebody can be told.
    public void Report(nuint corruptAddress)
    {
        if (corruptAddress != 0)
        {
            Interlocked.Exchange(ref _unreportedAddress, (long)corruptAddress);
        }
    }

    public HakmemCorruptionException? TakeUnreported()
    {
        nuint address = (nuint)Interlocked.Exchange(ref _unreportedAddress, 0);
        return Interlocked.Exchange(ref _unreported, null) ?? Misuse.LateDoubleFree(address);
    }

    // No look is in progress afterwards, and none comes.
    public void Stop()
    {
        using (SyncRoot.Enter())
        {
            _isStopped = true;
        }

        Unregister();
    }

    // All below is under SyncRoot, so that nothing is thrown or allocated: what is found is handed out as an address.

    private long LookInside(bool isMemoryShort, long begin, ref nuint corruptAddress)
    {
        using (SyncRoot.Enter())
        {
            if (_isStopped)
            {
                return -1;
            }

            bool wasUsed = TakeUsed();
            if (isMemoryShort)
            {
                corruptAddress = TrimLocked();
            }

            long reapedBefore = reaper.ReapedBlocks;
            wasUsed |= registry.FlushDead();
            reaper.Reap(registry, isForced: false);
            freed?.FlushExcess();
            corruptAddress = reaper.CorruptAddress != 0 ? reaper.CorruptAddress : corruptAddress;
            wasUsed |= reaper.SawUse || reaper.ReapedBlocks > reapedBefore;
            wasUsed |= ReapDepots(ref corruptAddress);
            superSlabs.Arena.Metadata.Trim();

            long now = limits.NowMs;
            return NextLook(wasUsed, Purge(now) - begin);
        }
    }

    // Gives the address of a block found free already, or 0.
    private nuint TrimLocked()
    {
        nuint corruptAddress = EmptyCaches();

        superSlabs.Arena.Metadata.Trim();

        // What another thread is giving back just now is waited for.
        using (superSlabs.PurgeLock.Enter())
        {
            using (superSlabs.SyncRoot.Enter())
            {
                units.DiscardFreeUnits();
                superSlabs.ReleaseCached();
            }
        }

        return corruptAddress;
    }

    // Brings all blocks in caches and depots back to their spans, as far as they can be had. Gives as above.
    private nuint EmptyCaches()
    {
        registry.FlushDead();
        reaper.Reap(registry, isForced: true);
        freed?.FlushExcess();
        nuint corruptAddress = reaper.CorruptAddress;
        for (int sizeClass = 0; sizeClass < depots.Count; sizeClass++)
        {
            nuint found = depots.Find(sizeClass)?.FlushAll() ?? 0;
            corruptAddress = found != 0 ? found : corruptAddress;
        }

        return corruptAddress;
    }

    private bool ReapDepots(ref nuint corruptAddress)
    {
        bool hasBlocks = false;
        for (int sizeClass = 0; sizeClass < depots.Count; sizeClass++)
        {
            if (depots.Find(sizeClass) is { } depot)
            {
                depot.Reap(out nuint found);
                corruptAddress = found != 0 ? found : corruptAddress;
                hasBlocks |= depot.HasBlocks;
            }
        }

        return hasBlocks;
    }

    // Gives when the next is due, or long.MaxValue.
    private long Purge(long now)
    {
        superSlabs.Purge(now);
        using (superSlabs.PurgeLock.Enter())
        {
            long due = units.PurgeUnits(now);
            using (superSlabs.SyncRoot.Enter())
            {
                return Math.Min(due, superSlabs.NextDue());
            }
        }
    }

    private long NextLook(bool wasUsed, long dueInMs)
    {
        if (wasUsed)
        {
            _fruitlessLooks = 0;
            return IntervalMs;
        }

        long next = dueInMs < long.MaxValue / 2 ? Math.Max(IntervalMs / 2, dueInMs) : long.MaxValue;
        if (reaper.SawBlocks && _fruitlessLooks < MaxFruitlessLooks)
        {
            _fruitlessLooks++;
            next = Math.Min(next, IntervalMs << _fruitlessLooks);
        }

        return next == long.MaxValue ? -1 : next;
    }
}
