using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Events;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Small;

namespace Hakmem.Reclaim;

// How one heap's unused memory is returned: with time, or at once when the program asks for it or memory is short.
//
//   unused for an interval:   idle threads' caches, depots' full magazines  ->  spans
//   unused for PurgeDelay:    free pages, free units, empty SuperSlabs      ->  discarded
//   unused for the TTL:       empty SuperSlabs                              ->  decommitted
//
// An interval is a quarter of the delay. Blocks wait at most two of them to reach their spans, and empty memory at most
// half of one longer than the delay: together that is 13/8 of it. The other 3/8 are for the duration of the runs, which
// do not postpone each other. The timer rests when nothing has happened and nothing is left that time would return.
// Blocks that cannot be reaped now (of threads not known to be at rest) are tried a few times more, after ever longer
// intervals: by then idle pool threads have ended.
//
// Above the heap's soft limit (HeapBudget) a run returns all unused memory, and empty SuperSlabs are not kept.
//
// Blocks that hardening keeps from reuse count as used: its quarantines are bounded by bytes, and a run takes from them
// only what exceeds the bounds.
//
// Thread-safe: one lock, outermost of the heap's. Statistics take it too, since blocks on their way from a cache to a
// span are in no count.
internal sealed class HeapDecay(
    HeapLimits limits, SuperSlabCache superSlabs, UnitAllocator units, DepotSet depots, ThreadCacheRegistry registry,
    CacheReaper reaper, DecayTimer? timer, BlockQuarantine? quarantine = null)
    : DecayTarget(timer)
{
    private const int IntervalsPerDelay = 4;

    private const long MinIntervalMs = 10;
    private const long MaxIntervalMs = 3_600_000;

    // How often a run retries to reap blocks, after twice as long each time: two minutes from a quarter of a second on.
    private const int MaxRetries = 8;

    private readonly HeapEvents _events = new(superSlabs);

    // Guarded by SyncRoot.
    private int _retries;
    private bool _isStopped;

    // 1 if the next run is to return all unused memory. Interlocked.
    private int _isTrimWanted;

    // A finding that no exception could report yet, for the next Trim: the exception, or the address of a block that
    // was free already, for which Trim creates it; null and zero for none. Exchanged with full fences.
    private HakmemCorruptionException? _unreported;
    private long _unreportedAddress;

    public UninterruptibleLock SyncRoot { get; } = new();

    // Includes the records of all heaps, because a run also returns the memory of dead threads' records.
    public override long CommittedBytes => superSlabs.CommittedBytes + superSlabs.Arena.Metadata.HeldBytes;

    public override long IntervalMs { get; } = Math.Clamp(
        Math.Min(limits.PurgeDelayMs, limits.CacheTtlMs) / IntervalsPerDelay, MinIntervalMs, MaxIntervalMs);

    // Guarded by SyncRoot.
    public long ReapedBlocks
    {
        get
        {
            SyncRoot.AssertHeld();
            return reaper.ReapedBlocks;
        }
    }

    public HeapEvents Events => _events;

    // Whether the heap is being disposed. Guarded by SyncRoot.
    public bool IsStopped
    {
        get
        {
            SyncRoot.AssertHeld();
            return _isStopped;
        }
    }

    public override long Decay(bool isMemoryShort)
    {
        HakmemEventSource.Prepare();
        long startedAt = Stopwatch.GetTimestamp();
        long reapedBlocks = 0;
        long purgedBytes = 0;
        long begin = limits.NowMs;
        nuint corruptAddress = 0;
        long next;
        try
        {
            next = RunOnce(isMemoryShort, begin, ref corruptAddress, ref reapedBlocks, ref purgedBytes);
        }
        finally
        {
            Report(corruptAddress);
        }

        // Here, so that no allocation waits for it. Last, so that a failure does not keep memory.
        superSlabs.Arena.RefreshLimit();
        TellPass(startedAt, reapedBlocks, purgedBytes);
        return next;
    }

    // Has the timer return all unused memory. Never throws.
    public void ScheduleTrim()
    {
        Interlocked.Exchange(ref _isTrimWanted, 1);
        ScheduleNow();
    }

    // Returns all unused memory, including other threads' caches as far as they can be reaped; the caller has flushed
    // its own cache and the quarantine. Returns an exception for a block that was found free already, or null.
    public HakmemCorruptionException? Trim()
    {
        nuint corruptAddress;
        using (SyncRoot.Enter())
        {
            corruptAddress = TrimLocked();
        }

        return Misuse.LateDoubleFree(corruptAddress);
    }

    // The same for those who do not know what the heap's owner does meanwhile, and who cannot be told of a finding: the
    // next Trim reports it. False once the heap is being disposed.
    public bool TryTrim()
    {
        nuint corruptAddress;
        using (SyncRoot.Enter())
        {
            if (_isStopped)
            {
                return false;
            }

            corruptAddress = TrimLocked();
        }

        Report(corruptAddress);
        return true;
    }

    // The same for an allocation that failed. Empty SuperSlabs stay in the cache, since that allocation takes or
    // releases them as it needs. Pages of free units stay too, because they count as committed either way and other
    // threads would have to populate them again. Returns the address of a block found free already, or 0. The caller
    // calls PurgeExcess under no lock afterwards.
    public nuint Reclaim()
    {
        using (SyncRoot.Enter())
        {
            nuint corruptAddress = FlushCaches();
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

    // The same for a block that was found free already; TakeUnreported creates the exception.
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

    // No run is in progress afterwards, and none follows.
    public void Stop()
    {
        using (SyncRoot.Enter())
        {
            _isStopped = true;
        }

        Unregister();
    }

    private void TellPass(long startedAt, long reapedBlocks, long purgedBytes)
    {
        if (EventListening.IsOn)
        {
            long microseconds = (Stopwatch.GetTimestamp() - startedAt) * 1_000_000 / Stopwatch.Frequency;
            HakmemEventSource.TellDecay(superSlabs.HeapSlot, microseconds, reapedBlocks, purgedBytes);
            _events.Tell();
        }
    }

    // All methods below run under SyncRoot, where nothing is thrown or allocated: a finding is returned as an address.

    private long RunOnce(
        bool isMemoryShort, long begin, ref nuint corruptAddress, ref long reapedBlocks, ref long purgedBytes)
    {
        using (SyncRoot.Enter())
        {
            if (_isStopped)
            {
                return -1;
            }

            bool wasUsed = TakeUsed();
            reapedBlocks = -reaper.ReapedBlocks;
            purgedBytes = -PurgedBytes();
            if (isMemoryShort || superSlabs.Budget.IsAboveSoft || Interlocked.Exchange(ref _isTrimWanted, 0) != 0)
            {
                corruptAddress = TrimLocked();
            }

            long reapedBefore = reaper.ReapedBlocks;
            wasUsed |= registry.FlushDead();
            reaper.Reap(registry, isForced: false);
            quarantine?.FlushExcess();
            corruptAddress = reaper.CorruptAddress != 0 ? reaper.CorruptAddress : corruptAddress;
            wasUsed |= reaper.SawUse || reaper.ReapedBlocks > reapedBefore;
            wasUsed |= ReapDepots(ref corruptAddress);
            superSlabs.Arena.Metadata.Trim();

            long now = limits.NowMs;
            long next = NextDelay(wasUsed, Purge(now) - begin);
            reapedBlocks += reaper.ReapedBlocks;
            purgedBytes += PurgedBytes();
            return next;
        }
    }

    private long PurgedBytes()
    {
        using (superSlabs.SyncRoot.Enter())
        {
            return superSlabs.PurgedBytes;
        }
    }

    // Returns the address of a block found free already, or 0.
    private nuint TrimLocked()
    {
        nuint corruptAddress = FlushCaches();

        superSlabs.Arena.Metadata.Trim();
        PurgePages(limits.NowMs, delayMs: 0);

        // This waits for a purge by another thread.
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

    // Flushes all blocks in caches and depots to their spans, as far as they can be reaped. Returns the address of a
    // block found free already, or 0.
    private nuint FlushCaches()
    {
        SyncRoot.AssertHeld();
        registry.FlushDead();
        reaper.Reap(registry, isForced: true);
        quarantine?.FlushExcess();
        nuint corruptAddress = reaper.CorruptAddress;
        for (int sizeClass = 0; sizeClass < depots.Count; sizeClass++)
        {
            nuint found = depots.Find(sizeClass)?.FlushAll() ?? 0;
            corruptAddress = found != 0 ? found : corruptAddress;
        }

        return corruptAddress;
    }

    // Whether the depots still have blocks.
    private bool ReapDepots(ref nuint corruptAddress)
    {
        SyncRoot.AssertHeld();
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

    // Returns when the next purge is due, or long.MaxValue.
    private long Purge(long now)
    {
        SyncRoot.AssertHeld();
        superSlabs.Purge(now);
        long pagesDue = superSlabs.IsDiscarding ? PurgePages(now, superSlabs.PurgeDelayMs) : long.MaxValue;
        using (superSlabs.PurgeLock.Enter())
        {
            long due = Math.Min(pagesDue, units.PurgeUnits(now));
            using (superSlabs.SyncRoot.Enter())
            {
                return Math.Min(due, superSlabs.NextDue());
            }
        }
    }

    // Discards free pages of spans. Returns when the next are due, or long.MaxValue.
    private long PurgePages(long now, long delayMs)
    {
        SyncRoot.AssertHeld();
        long due = long.MaxValue;
        for (int sizeClass = 0; sizeClass < depots.Count; sizeClass++)
        {
            due = Math.Min(due, depots.Find(sizeClass)?.PurgePages(now, delayMs) ?? long.MaxValue);
        }

        return due;
    }

    private long NextDelay(bool wasUsed, long dueInMs)
    {
        SyncRoot.AssertHeld();
        if (wasUsed)
        {
            _retries = 0;
            return IntervalMs;
        }

        long next = dueInMs < long.MaxValue / 2 ? Math.Max(IntervalMs / 2, dueInMs) : long.MaxValue;
        if (reaper.SawBlocks && _retries < MaxRetries)
        {
            _retries++;
            next = Math.Min(next, IntervalMs << _retries);
        }

        return next == long.MaxValue ? -1 : next;
    }
}
