using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// When empty SuperSlabs are discarded and given back, and how: in as few calls as their neighbourhood allows, outside the lock.
internal sealed unsafe partial class SuperSlabCache
{
    // Whether a SuperSlab was put back that may not stay. Set under SyncRoot (release), cleared under PurgeLock before looking; read by
    // slow paths without either (acquire), a late reading leaves it to the next.
    private volatile bool _hasExcess;

    // Held while purging by age or excess. Whoever is about to fail for lack of memory takes it once, so as not to fail beside memory that
    // is just being given back. Above SyncRoot; no depot's lock is held.
    public UninterruptibleLock PurgeLock { get; } = new();

    // Bytes and calls of discarding and decommitting, but for what a disposed heap gives back. Guarded by SyncRoot.
    public long PurgedBytes { get; private set; }

    public long PurgeCalls { get; private set; }

    private bool IsTooMuch => (long)_empty.Set.Count << Geometry.SlabShift > limits.CacheBytes;

    // Under SyncRoot.
    public void CountPurge(long bytes)
    {
        PurgedBytes += bytes;
        PurgeCalls++;
    }

    // When the next cached SuperSlab is due for something, in the heap's milliseconds; long.MaxValue for never. Under SyncRoot.
    public long NextDue()
    {
        long due = long.MaxValue;
        int clean = _empty.OldestClean;
        if (clean >= 0)
        {
            due = arena.Slab(clean)->EmptySince + limits.CacheTtlMs;
        }

        int dirty = _empty.OldestDirty;
        if (dirty >= 0)
        {
            long delay = IsDiscarding ? Math.Min(PurgeDelayMs, limits.CacheTtlMs) : limits.CacheTtlMs;
            due = Math.Min(due, arena.Slab(dirty)->EmptySince + delay);
        }

        return due;
    }

    // Purges if something was put back that may not stay. Without a lock of this heap; where another thread is at it, left to that one.
    public void PurgeExcess()
    {
        if (!_hasExcess || !PurgeLock.TryEnter())
        {
            return;
        }

        try
        {
            while (_hasExcess)
            {
                _hasExcess = false;
                PurgeLocked(NowMs);
            }
        }
        finally
        {
            PurgeLock.Exit();
        }
    }

    // Waits until what another thread is giving back just now is there to be had. Without a lock of this heap.
    public void AwaitPurge()
    {
        PurgeLock.Enter();
        PurgeLock.Exit();
    }

    // Discards and gives back what has been empty for long enough, or is too much. Without a lock of this heap.
    public void Purge(long now)
    {
        using (PurgeLock.Enter())
        {
            PurgeLocked(now);
        }
    }

    private void PurgeLocked(long now)
    {
        while (TryPickOverdue(now, out int first, out int count, out bool isRelease))
        {
            nuint bytes = (nuint)count << Geometry.SlabShift;
            bool isDone = false;
            try
            {
                isDone = isRelease
                    ? arena.Os.TryDecommit(arena.AddressOfSlab(first), bytes)
                    : arena.Os.TryDiscard(arena.AddressOfSlab(first), bytes);
            }
            finally
            {
                // Also after an exception, whatever its cause: else they would be in no list for good.
                using (SyncRoot.Enter())
                {
                    FinishPurge(first, count, isRelease, isDone, now);
                }
            }

            // Refused once, the same would be picked again: it waits for the next time somebody looks.
            if (!isDone)
            {
                return;
            }
        }
    }

    // Takes a run of cached SuperSlabs that are due for the same treatment out of the lists.
    private bool TryPickOverdue(long now, out int first, out int count, out bool isRelease)
    {
        using (SyncRoot.Enter())
        {
            bool isTooMuch = IsTooMuch;
            int clean = _empty.OldestClean;
            int dirty = _empty.OldestDirty;
            isRelease = true;
            if (clean >= 0 && (isTooMuch || now - arena.Slab(clean)->EmptySince >= limits.CacheTtlMs))
            {
                first = clean;
            }
            else if (dirty >= 0 && (isTooMuch || now - arena.Slab(dirty)->EmptySince >= limits.CacheTtlMs))
            {
                first = dirty;
            }
            else if (dirty >= 0 && IsDiscardDue(arena.Slab(dirty), now))
            {
                isRelease = false;
                first = dirty;
            }
            else
            {
                first = -1;
                count = 0;
                return false;
            }

            _empty.Remove(first);
            arena.Slab(first)->State = SuperSlabState.Purging;
            int end = first + 1;
            while (!isTooMuch && IsOverdueToo(end, now, isRelease))
            {
                _empty.Remove(end);
                arena.Slab(end++)->State = SuperSlabState.Purging;
            }

            while (!isTooMuch && IsOverdueToo(first - 1, now, isRelease))
            {
                _empty.Remove(--first);
                arena.Slab(first)->State = SuperSlabState.Purging;
            }

            count = end - first;
            return true;
        }
    }

    private bool IsDiscardDue(SuperSlabHeader* header, long now) => limits.LazyZero switch
    {
        LazyZeroMode.Immediate => true,
        LazyZeroMode.Deferred => now - header->EmptySince >= limits.PurgeDelayMs,
        _ => false,
    };

    private bool IsOverdueToo(int slab, long now, bool isRelease)
    {
        if (slab < 0 || !_empty.Set.Contains(slab))
        {
            return false;
        }

        SuperSlabHeader* header = arena.Slab(slab);
        return isRelease
            ? now - header->EmptySince >= limits.CacheTtlMs
            : header->DirtyUnits != 0 && IsDiscardDue(header, now);
    }

    private void FinishPurge(int first, int count, bool isRelease, bool isDone, long now)
    {
        if (isDone)
        {
            CountPurge((long)count << Geometry.SlabShift);
        }

        if (isRelease && isDone)
        {
            ReturnToArena(first, count);
            return;
        }

        for (int slab = first; slab < first + count; slab++)
        {
            SuperSlabHeader* header = arena.Slab(slab);
            if (isDone)
            {
                header->DirtyUnits = 0;
            }
            else
            {
                // The system refused: try again one delay from now, not at once.
                header->EmptySince = now;
            }

            _empty.Add(slab);
        }
    }
}
