using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// The SuperSlabs of a heap: takes them from the arena within the limit, keeps empty ones for reuse, and purges those.
//
//   untaken --commit--> in use --emptied--> cached, dirty --PurgeDelay--> cached, clean --TTL, limits--> untaken
//                          ^____________________|______________________________|
//
// Dirty SuperSlabs are reused before clean ones and newer before older ones, since their pages are present and warm.
// HeapDecay purges by age. A thread that empties a SuperSlab beyond the capacity purges after it has left all locks.
//
// One lock a heap, SyncRoot, guards this class, UnitAllocator and RunAllocator. It is taken under a depot's lock and
// above the arena's. Pages are purged outside it, in as few calls as adjoining SuperSlabs allow: a SuperSlab that is
// being purged is in no list and in state Purging.
internal sealed unsafe partial class SuperSlabCache(
    Arena arena, int heapSlot, HeapLimits limits, HeapBudget? budget = null)
{
    // SyncRoot guards these two.
    private readonly SuperSlabBitmap _owned = new(arena.Metadata);
    private readonly EmptySuperSlabs _empty = new(arena);

    // How often SuperSlabs came from the arena. Written under SyncRoot (release), read without it as a hint (acquire).
    private volatile int _growthCount;

    // Whether the cache has SuperSlabs that must be purged at once. Set under SyncRoot (release), cleared under
    // PurgeLock; slow paths read it without (acquire). A stale false is harmless: the next slow path purges.
    private volatile bool _hasExcess;

    // When empty SuperSlabs may be discarded again, by the heap's clock, after the system refused that. Under SyncRoot.
    private long _nextDiscard = long.MinValue;

    // The SuperSlab whose discard the system refused last, so that the others have their turns; -1 for none. Under
    // SyncRoot.
    private int _lastRefused = -1;

    public UninterruptibleLock SyncRoot { get; } = new();

    // Held while purging, above SyncRoot and under no depot's lock. A thread about to fail for lack of memory enters it
    // once, to wait for what another thread is returning.
    public UninterruptibleLock PurgeLock { get; } = new();

    public Arena Arena => arena;

    public long NowMs => limits.NowMs;

    // Whether dirty memory is ever discarded by age, and after how long.
    public bool IsDiscarding => limits.LazyZero != LazyZeroMode.Off;

    public long PurgeDelayMs =>
        limits.LazyZero == LazyZeroMode.Immediate || Budget.IsAboveSoft ? 0 : limits.PurgeDelayMs;

    // The heap's limits on committed bytes. Thread-safe.
    public HeapBudget Budget { get; } = budget ?? new HeapBudget(limits);

    public int GrowthCount => _growthCount;

    // Whether only whole SuperSlabs are discarded: a hole in a huge page breaks it into small ones.
    public bool KeepsHugePages { get; } =
        limits.KeepsHugePages && arena.Os.Has(OsFeatures.AdvisesHugePages);

    // Messages read this and CommittedBytes without SyncRoot: the value may be a moment old.
    public int OwnedCount => _owned.Count;

    public int CachedCount => _empty.Set.Count;

    public long CommittedBytes => (long)_owned.Count << Geometry.SlabShift;

    public long PeakCommittedBytes => Budget.PeakBytes;

    // Bytes and calls of discarding and decommitting, without those of ReleaseAll. Guarded by SyncRoot.
    public long PurgedBytes { get; private set; }

    public long PurgeCalls { get; private set; }

    // SuperSlabs that came from the arena so far, and that went back. Guarded by SyncRoot.
    public long GrownSlabs { get; private set; }

    public long ReturnedSlabs { get; private set; }

    public int HeapSlot => heapSlot;

    private bool IsOverCapacity => (long)_empty.Set.Count << Geometry.SlabShift > limits.CacheBytes ||
        (_empty.Set.Count > 0 && Budget.IsAboveSoft);

    // The first SuperSlab of this heap at or after an index, in whatever state; -1 if there is none. Under SyncRoot.
    public int NextOwned(int from)
    {
        SyncRoot.AssertHeld();
        return _owned.NextMember(from);
    }

    // Whether this heap owns a SuperSlab, whose header is then reliable as long as SyncRoot is held. Under SyncRoot.
    public bool IsOwned(int slab)
    {
        SyncRoot.AssertHeld();
        return _owned.Contains(slab);
    }

    // Whether TryTake can take one without asking the arena. Under SyncRoot.
    public bool HasEmpty
    {
        get
        {
            SyncRoot.AssertHeld();
            return _empty.Warmest >= 0;
        }
    }

    // Takes the warmest SuperSlab; -1 if memory or the limit is exhausted. Under SyncRoot.
    public int TryTake()
    {
        SyncRoot.AssertHeld();
        int slab = _empty.Warmest;
        if (slab < 0)
        {
            return TryGrow(1, 1);
        }

        if (!TryTakeCached(slab, 1))
        {
            // The system has no room to commit what a purge decommitted: another may be whole.
            slab = _empty.FindWhole();
            return slab >= 0 && TryTakeCached(slab, 1) ? slab : -1;
        }

        return slab;
    }

    // Takes adjoining SuperSlabs, cached or around cached ones; -1 if memory or limit is exhausted. Under SyncRoot.
    public int TryTakeRun(int count, int alignmentSlabs)
    {
        SyncRoot.AssertHeld();
        int first = _empty.Set.FindRun(count, alignmentSlabs, arena.PhaseOf(alignmentSlabs));
        if (first < 0 && IsWithinLimit(count))
        {
            first = arena.TryTakeAround(_empty.Set, count, alignmentSlabs);
            first = first >= 0 && TryCommitGaps(first, count) ? first : -1;
        }

        if (first < 0)
        {
            if (CanMakeRoomFor(count))
            {
                ReleaseCached();
            }

            return TryGrow(count, alignmentSlabs);
        }

        return TryTakeCached(first, count) ? first : -1;
    }

    // Takes exactly these SuperSlabs, if each is cached or untaken. Under SyncRoot.
    public bool TryTakeAt(int first, int count)
    {
        SyncRoot.AssertHeld();
        int missing = count - _empty.Set.CountIn(first, count);

        // All that are missing or none from the arena: what does not suffice would be this heap's, and so no other's.
        // They stay in the cache if the system then refuses to commit one of the others.
        bool isThere = missing == 0 ||
            (IsWithinLimit(missing) && arena.TryTakeAt(first, count, _empty.Set) && TryCommitGaps(first, count));
        return isThere && TryTakeCached(first, count);
    }

    // Takes back an empty SuperSlab. Under SyncRoot; the caller calls PurgeExcess after it has left its locks.
    public void Put(int slab, SuperSlabState from, long now)
    {
        SyncRoot.AssertHeld();
        arena.Slab(slab)->EmptySince = now;
        _empty.Add(slab, from);
        _hasExcess |= IsOverCapacity || limits.IsEager || limits.CacheTtlMs == 0;
    }

    // Returns every cached SuperSlab to the arena. Under SyncRoot.
    public void ReleaseCached()
    {
        SyncRoot.AssertHeld();
        int first = _empty.Set.NextMember(0);
        while (first >= 0)
        {
            int end = _empty.Set.NextGap(first, _empty.Set.Limit);
            if (arena.Os.TryDecommit(arena.AddressOfSlab(first), (nuint)(end - first) << Geometry.SlabShift))
            {
                _empty.Remove(first, end - first);
                ReturnToArena(first, end - first, SuperSlabState.Cached);
                CountPurge((long)(end - first) << Geometry.SlabShift);
            }

            first = _empty.Set.NextMember(end);
        }
    }

    // Removes a cached SuperSlab that is not committed. isReserved: it can be committed again. Under SyncRoot.
    public void RemoveUncommitted(int slab, bool isReserved)
    {
        SyncRoot.AssertHeld();
        _empty.Remove(slab, 1);
        if (isReserved)
        {
            ReturnToArena(slab, 1, SuperSlabState.Cached);
        }
        else
        {
            Retire(slab, 1, SuperSlabState.Cached);
        }
    }

    // Returns all SuperSlabs to the arena, in use or not, without page map entries. Under SyncRoot.
    public void ReleaseAll()
    {
        SyncRoot.AssertHeld();
        int first = _owned.NextMember(0);
        while (first >= 0)
        {
            int end = _owned.NextGap(first, _owned.Limit);
            byte* address = arena.AddressOfSlab(first);
            nuint bytes = (nuint)(end - first) << Geometry.SlabShift;

            // After a refusal the range is lost to this process: its pages may be dirty, so nobody may get it as fresh.
            if (arena.Os.TryDecommit(address, bytes))
            {
                ReturnToArena(first, end - first, null);
            }
            else
            {
                arena.Os.TryDiscard(address, bytes);
                Retire(first, end - first, null);
            }

            first = _owned.NextMember(end);
        }

        _empty.Clear();
        _owned.Clear();
    }

    // Whether a SuperSlab is in the set of empty ones. Under SyncRoot.
    public bool IsCached(int slab) => _empty.Set.Contains(slab);

    // Checks the records of empty SuperSlabs. Under SyncRoot.
    public void VerifyEmpty(HeapCheck check)
    {
        SyncRoot.AssertHeld();
        _empty.Verify(check);
    }

    public void CountPurge(long bytes, int calls = 1)
    {
        SyncRoot.AssertHeld();
        PurgedBytes += bytes;
        PurgeCalls += calls;
    }

    // When the next cached SuperSlab is due for a purge, by the heap's clock; long.MaxValue for never. Under SyncRoot.
    public long NextDue()
    {
        SyncRoot.AssertHeld();
        long due = long.MaxValue;
        int clean = _empty.OldestClean;
        if (clean >= 0)
        {
            due = arena.Slab(clean)->EmptySince + limits.CacheTtlMs;
        }

        int dirty = _empty.OldestDirty;
        if (dirty >= 0)
        {
            long since = arena.Slab(dirty)->EmptySince;
            due = Math.Min(due, since + limits.CacheTtlMs);
            due = IsDiscarding ? Math.Min(due, Math.Max(since + PurgeDelayMs, _nextDiscard)) : due;
        }

        return due;
    }

    // Purges what must go at once, unless another thread is purging and so does it. Under no lock of this heap.
    public void PurgeExcess()
    {
        SyncRoot.AssertNotHeld();
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

    // Waits until another thread that is purging has finished. Under no lock of this heap.
    public void AwaitPurge()
    {
        SyncRoot.AssertNotHeld();
        PurgeLock.Enter();
        PurgeLock.Exit();
    }

    // Purges what has been empty for long enough, or exceeds the capacity. Under no lock of this heap.
    public void Purge(long now)
    {
        SyncRoot.AssertNotHeld();
        using (PurgeLock.Enter())
        {
            PurgeLocked(now);
        }
    }

    private void PurgeLocked(long now)
    {
        PurgeLock.AssertHeld();
        while (TryPickOverdue(now, out int first, out int count, out bool isRelease))
        {
            nuint bytes = (nuint)count << Geometry.SlabShift;

            // Where a discard decommits, an empty SuperSlab is not worth keeping.
            isRelease |= !arena.Os.Has(OsFeatures.DiscardKeepsCommitted);
            bool isDone = false;
            try
            {
                isDone = isRelease
                    ? arena.Os.TryDecommit(arena.AddressOfSlab(first), bytes)
                    : arena.Os.TryDiscard(arena.AddressOfSlab(first), bytes);
            }
            finally
            {
                // Also after an exception: without this they would be in no list for ever.
                using (SyncRoot.Enter())
                {
                    FinishPurge(first, count, isRelease, isDone, now);
                }
            }

            // After a refusal the next turn would pick the same SuperSlabs: they wait for the next purge.
            if (!isDone)
            {
                return;
            }
        }
    }

    // Takes adjoining cached SuperSlabs that are due for the same treatment out of the lists.
    private bool TryPickOverdue(long now, out int first, out int count, out bool isRelease)
    {
        using (SyncRoot.Enter())
        {
            bool isOverCapacity = IsOverCapacity;
            int clean = _empty.OldestClean;
            int dirty = _empty.OldestDirty;
            isRelease = true;
            if (clean >= 0 && (isOverCapacity || now - arena.Slab(clean)->EmptySince >= limits.CacheTtlMs))
            {
                first = clean;
            }
            else if (dirty >= 0 && (isOverCapacity || now - arena.Slab(dirty)->EmptySince >= limits.CacheTtlMs))
            {
                first = dirty;
            }
            else if (dirty >= 0 && IsDiscardDue(arena.Slab(dirty), now))
            {
                isRelease = false;
                int newer = _empty.NextNewerDirty(_lastRefused);
                first = newer >= 0 && IsDiscardDue(arena.Slab(newer), now) ? newer : dirty;
            }
            else
            {
                first = -1;
                count = 0;
                return false;
            }

            StartPurge(first);
            int end = first + 1;
            while (!isOverCapacity && IsOverdueToo(end, now, isRelease))
            {
                StartPurge(end++);
            }

            while (!isOverCapacity && IsOverdueToo(first - 1, now, isRelease))
            {
                StartPurge(--first);
            }

            count = end - first;
            return true;
        }
    }

    private void StartPurge(int slab)
    {
        _empty.Remove(slab, 1);
        arena.Slab(slab)->SetState(SuperSlabState.Cached, SuperSlabState.Purging);
    }

    private bool IsDiscardDue(SuperSlabHeader* header, long now) => limits.LazyZero switch
    {
        LazyZeroMode.Immediate => now >= _nextDiscard,
        LazyZeroMode.Deferred => now - header->EmptySince >= PurgeDelayMs && now >= _nextDiscard,
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
        SyncRoot.AssertHeld();
        if (isDone)
        {
            CountPurge((long)count << Geometry.SlabShift);
        }

        if (isRelease && isDone)
        {
            ReturnToArena(first, count, SuperSlabState.Purging);
            return;
        }

        for (int slab = first; slab < first + count; slab++)
        {
            SuperSlabHeader* header = arena.Slab(slab);
            if (!isDone && !isRelease)
            {
                // The system refused: the next try is one delay from now. The age stays, and the place in the list,
                // since the system may take the SuperSlab back as a whole.
                _nextDiscard = now + PurgeDelayMs;
                _lastRefused = slab;
                _empty.AddByAge(slab, SuperSlabState.Purging);
                continue;
            }

            header->DirtyUnits = isDone ? 0 : header->DirtyUnits;
            header->EmptySince = isDone ? header->EmptySince : now;
            _empty.Add(slab, SuperSlabState.Purging);
        }
    }

    private bool IsWithinLimit(int more) => Budget.Admits((long)more << Geometry.SlabShift);

    // Whether a request beyond the limits could succeed without the cached SuperSlabs. If not, they stay: a thread
    // whose requests fail must not take them from threads that are about to reuse them.
    private bool CanMakeRoomFor(int count) =>
        IsWithinLimit(count - _empty.Set.Count) &&
        arena.TakenBytes + ((long)(count - _empty.Set.Count) << Geometry.SlabShift) <= arena.LimitBytes;

    // Takes cached SuperSlabs out of the lists, and commits those of their units that a purge decommitted while the
    // SuperSlab was in use. If the system refuses, they stay cached.
    private bool TryTakeCached(int first, int count)
    {
        SyncRoot.AssertHeld();
        for (int slab = first; slab < first + count; slab++)
        {
            SuperSlabHeader* header = arena.Slab(slab);
            if (header->UncommittedUnits != 0)
            {
                if (!arena.Os.TryCommit(arena.AddressOfSlab(slab), Geometry.SlabBytes))
                {
                    return false;
                }

                header->UncommittedUnits = 0;
            }
        }

        _empty.Remove(first, count);
        return true;
    }

    // Abandons SuperSlabs: they stay taken in the arena, and no heap owns them.
    private void Retire(int first, int count, SuperSlabState? from)
    {
        LeaveHeap(first, count, from);
        for (int slab = first; slab < first + count; slab++)
        {
            arena.Slab(slab)->HeapSlot = -1;
        }
    }

    private void ReturnToArena(int first, int count, SuperSlabState? from)
    {
        LeaveHeap(first, count, from);
        arena.Return(first, count);
    }

    // from: null for any state in which a heap owns a SuperSlab.
    private void LeaveHeap(int first, int count, SuperSlabState? from)
    {
        SyncRoot.AssertHeld();
        for (int slab = first; slab < first + count; slab++)
        {
            SuperSlabHeader* header = arena.Slab(slab);
            Debug.Assert(header->State != SuperSlabState.Untaken, "A SuperSlab that no heap owns is returned.");
            header->SetState(from ?? header->State, SuperSlabState.Untaken);
            header->UncommittedUnits = 0;
        }

        _owned.Remove(first, count);
        ReturnedSlabs += count;
        Budget.Remove((long)count << Geometry.SlabShift);
    }
}
