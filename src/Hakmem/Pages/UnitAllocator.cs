using System;
using System.Diagnostics;
using System.Numerics;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// Divides SuperSlabs into runs of 1 .. 32 units, for spans, growable blocks and guarded ranges.
//
// Best fit: a run comes from the SuperSlab whose longest free run is the shortest that suffices. That leaves long runs
// whole and lets sparse SuperSlabs become empty. One bit scan finds it: SuperSlabs are listed by the length of their
// longest free run. A growable run begins at the start of the longest free run, so that it has room to grow.
//
// A growable run or a guarded range is one block. This class also writes its page map entries and its span header, in
// the same step under the lock in which it writes the units. A reader under the lock therefore sees one consistent
// state, and of two threads that free the same run only one succeeds. (A depot writes the entries of its spans.)
//
// Dirty free units of partly used SuperSlabs are discarded: they lose their pages and stay part of the SuperSlab. Where
// a discard decommits them (OsFeatures), they are committed again before they are handed out, which may be refused. A
// heap that keeps huge pages discards whole SuperSlabs only.
//
// Thread-safe, by the SyncRoot of the heap's SuperSlabCache, here called the lock.
internal sealed unsafe class UnitAllocator
{
    // Runs of units that are discarded between two times under the lock: one bit of FinishPurge's word for each.
    private const int MaxBatch = 8 * sizeof(ulong);

    // The most runs of free units in one SuperSlab.
    private const int MaxRunsPerSlab = Geometry.UnitsPerSlab / 2;

    private readonly SuperSlabCache _cache;
    private readonly Arena _arena;

    // The lock guards these: SuperSlabs in state Spans, by the length of their longest free run (0 .. 31 units), and a
    // bit for each list that is not empty.
    private readonly SuperSlabList[] _byLongestRun = new SuperSlabList[Geometry.UnitsPerSlab];
    private uint _listsInUse;

    public UnitAllocator(SuperSlabCache cache)
    {
        _cache = cache;
        _arena = cache.Arena;
        for (int length = 0; length < _byLongestRun.Length; length++)
        {
            _byLongestRun[length] = new SuperSlabList();
        }
    }

    // Units in growable runs and guarded ranges. Guarded by the lock.
    public int RunUnits { get; private set; }

    // Whether free pages in used units may be discarded. Not where a discard decommits, because the commit when a block
    // is handed out could be refused; nor in a heap that keeps huge pages.
    public bool DiscardsPages => !_cache.KeepsHugePages && _arena.Os.Has(OsFeatures.DiscardKeepsCommitted);

    // Takes count adjoining units. isFresh: their memory is known to be zero.
    public bool TryAllocate(int count, bool isGrowable, out int unit, out bool isFresh)
    {
        using (_cache.SyncRoot.Enter())
        {
            return TryTake(count, isGrowable, out unit, out isFresh);
        }
    }

    public bool TryAllocateRun(int count, out int unit, int sampledBytes = 0)
    {
        using (_cache.SyncRoot.Enter())
        {
            if (!TryTake(count, isGrowable: sampledBytes == 0, out unit, out _))
            {
                return false;
            }

            RunUnits += count;
            SpanHeader* span = _arena.Span(unit);
            (span->UnitCount, span->FreeCount, span->IsHeld) = (count, sampledBytes, false);
            SetRunEntries(unit, 0, count);
            return true;
        }
    }

    // Takes units for a guarded block with the given record. isFresh: as for TryAllocate.
    public bool TryAllocateGuarded(int count, void* guard, out int unit, out bool isFresh)
    {
        using (_cache.SyncRoot.Enter())
        {
            if (!TryTake(count, isGrowable: false, out unit, out isFresh))
            {
                return false;
            }

            RunUnits += count;
            _arena.Span(unit)->UnitCount = count;
            _arena.Span(unit)->Guard = guard;
            _arena.SetEntries(unit, count, PageMapEntry.ForRange(EntryKind.Guarded, (nuint)_arena.AddressOfUnit(unit)));
            return true;
        }
    }

    // Frees a guarded block's units. Only the thread that took the block's record out of the quarantine calls this.
    public void FreeGuarded(int unit)
    {
        long now = _cache.NowMs;
        using (_cache.SyncRoot.Enter())
        {
            FreeBlock(unit, now);
            _arena.Span(unit)->Guard = null;
        }
    }

    // The record of the guarded block whose range begins with a unit of this heap; null if none does.
    public void* GuardAt(int unit)
    {
        using (_cache.SyncRoot.Enter())
        {
            return _cache.IsOwned(unit >> Geometry.UnitsPerSlabShift) && IsBegin(unit, EntryKind.Guarded)
                ? _arena.Span(unit)->Guard
                : null;
        }
    }

    // Frees a growable run. False if none begins with the unit (any more), or a thread holds it.
    public bool TryFreeRun(int unit)
    {
        long now = _cache.NowMs;
        using (_cache.SyncRoot.Enter())
        {
            if (!IsFreeRun(unit))
            {
                return false;
            }

            FreeBlock(unit, now);
            return true;
        }
    }

    // Frees a growable run that the caller holds.
    public void FreeRun(int unit)
    {
        long now = _cache.NowMs;
        using (_cache.SyncRoot.Enter())
        {
            Debug.Assert(IsRun(unit) && _arena.Span(unit)->IsHeld, "The caller does not hold the run.");
            FreeBlock(unit, now);
        }
    }

    // Resizes a growable run in place to 1 .. 32 units, if the units behind it are free.
    public ResizeResult TryResizeRun(int unit, int newCount, bool mayShrink = true)
    {
        long now = _cache.NowMs;
        using (_cache.SyncRoot.Enter())
        {
            newCount = mayShrink ? newCount : Math.Max(newCount, _arena.Span(unit)->UnitCount);
            return IsFreeRun(unit) ? ResizeRun(unit, newCount, now) : ResizeResult.NotThere;
        }
    }

    // Whether a growable run of this heap begins with a unit. Under the lock.
    public bool IsRun(int unit) =>
        _cache.IsOwned(unit >> Geometry.UnitsPerSlabShift) && IsBegin(unit, EntryKind.UnitRun);

    // Takes the units behind a run, if they are free. Under the lock.
    public bool TryExtend(int unit, int count, int newCount)
    {
        _cache.SyncRoot.AssertHeld();
        int slab = unit >> Geometry.UnitsPerSlabShift;
        int first = unit & (Geometry.UnitsPerSlab - 1);
        if (first + newCount > Geometry.UnitsPerSlab)
        {
            return false;
        }

        uint units = UnitMask.Of(first + count, newCount - count);
        if ((_arena.Slab(slab)->FreeUnits & units) != units || !TryCommit(slab, units))
        {
            return false;
        }

        Unlink(slab);
        Take(slab, units);
        return true;
    }

    // Frees units. A SuperSlab that becomes empty goes to the cache.
    public void Free(int unit, int count)
    {
        long now = _cache.NowMs;
        using (_cache.SyncRoot.Enter())
        {
            FreeUnits(unit, count, now);
        }
    }

    // Asks for the pages of fresh memory in one call, to spare a page fault for each; the first may be present already.
    // A refusal costs only those faults. A huge page comes as a whole anyway. Under no lock.
    public void Populate(byte* start, byte* end)
    {
        _cache.SyncRoot.AssertNotHeld();
        nuint mask = _arena.Os.PageSize - 1;
        nuint first = ((nuint)start + mask) & ~mask;
        nuint last = ((nuint)end + mask) & ~mask;
        if (last > first + mask + 1 && !_cache.KeepsHugePages)
        {
            _arena.Os.TryPopulate((byte*)first, last - first);
        }
    }

    // Removes a SuperSlab that one growable run fills from list and page map. Under the lock.
    public void DetachSuperSlab(int slab)
    {
        _cache.SyncRoot.AssertHeld();
        Debug.Assert(_arena.Slab(slab)->FreeUnits == 0, "A SuperSlab with free units cannot become a run.");
        RunUnits -= _arena.Span(slab << Geometry.UnitsPerSlabShift)->UnitCount;
        _arena.SetEntries(slab << Geometry.UnitsPerSlabShift, Geometry.UnitsPerSlab, 0);
        Unlink(slab);
    }

    // Discards units that have been free for the purge delay, one call for each run, outside the lock: they count as in
    // use meanwhile. Returns when the next are due, or long.MaxValue. Under the purge lock.
    public long PurgeUnits(long now)
    {
        _cache.PurgeLock.AssertHeld();
        Span<UnitRange> batch = stackalloc UnitRange[MaxBatch];
        int slab = 0;
        long nextDue = long.MaxValue;
        while (slab >= 0)
        {
            int count = 0;
            using (_cache.SyncRoot.Enter())
            {
                slab = _cache.NextOwned(slab);
                while (slab >= 0 && count + MaxRunsPerSlab <= MaxBatch)
                {
                    count += TakeOverdue(slab, now, batch[count..], ref nextDue);
                    slab = _cache.NextOwned(slab + 1);
                }
            }

            FinishPurge(batch[..count], now);
        }

        return nextDue;
    }

    // Counts pages that were discarded in used units. Their units stay dirty: see SpanHeader.DiscardedPages.
    public void CountPagePurge(long bytes, int calls)
    {
        using (_cache.SyncRoot.Enter())
        {
            _cache.CountPurge(bytes, calls);
        }
    }

    // Discards all dirty free units. Under the lock.
    public void DiscardFreeUnits()
    {
        _cache.SyncRoot.AssertHeld();
        if (_cache.KeepsHugePages)
        {
            return;
        }

        for (int slab = _cache.NextOwned(0); slab >= 0; slab = _cache.NextOwned(slab + 1))
        {
            uint units = DirtyFreeUnitsOf(slab);
            while (units != 0)
            {
                UnitRange range = RemoveFirstRun(slab, ref units);
                if (TryDiscard(range))
                {
                    MarkClean(range);
                }
            }
        }
    }

    // Whether a growable run begins with a unit and no thread holds it. Under the lock.
    private bool IsFreeRun(int unit) => IsRun(unit) && !_arena.Span(unit)->IsHeld;

    // The heap must own the unit's SuperSlab.
    private bool IsBegin(int unit, EntryKind kind)
    {
        DecodedEntry entry = PageMapEntry.Decode(*_arena.EntryOf(unit));
        return entry.Kind == kind && entry.Address == (nuint)_arena.AddressOfUnit(unit);
    }

    private ResizeResult ResizeRun(int unit, int newCount, long now)
    {
        SpanHeader* span = _arena.Span(unit);
        int count = span->UnitCount;
        if (newCount > count)
        {
            if (!TryExtend(unit, count, newCount))
            {
                return ResizeResult.NoRoom;
            }

            SetRunEntries(unit, count, newCount);
        }
        else if (newCount < count)
        {
            _arena.SetEntries(unit + newCount, count - newCount, 0);
            FreeUnits(unit + newCount, count - newCount, now);
        }

        RunUnits += newCount - count;
        span->UnitCount = newCount;
        return ResizeResult.Done;
    }

    private void SetRunEntries(int unit, int from, int to) =>
        _arena.SetEntries(
            unit + from, to - from, PageMapEntry.ForRange(EntryKind.UnitRun, (nuint)_arena.AddressOfUnit(unit)));

    private void FreeBlock(int unit, long now)
    {
        int count = _arena.Span(unit)->UnitCount;
        RunUnits -= count;
        Debug.Assert(RunUnits >= 0, "More units left runs than entered them.");
        _arena.SetEntries(unit, count, 0);
        FreeUnits(unit, count, now);
    }

    // Checks the number of units in runs and ranges. Under the lock.
    public void VerifyRuns(HeapCheck check, int runUnits) => check.Require(
        RunUnits == runUnits, "units in runs and ranges are counted", (nuint)_arena.Base, RunUnits);

    // Checks the lists of SuperSlabs that are divided into units, of which there are so many. Under the lock.
    public void Verify(HeapCheck check, int slabs)
    {
        int listed = 0;
        for (int length = 0; length < _byLongestRun.Length; length++)
        {
            listed += _byLongestRun[length].Verify(check, _arena, slabs + 1);
            bool isInUse = (_listsInUse & (1u << length)) != 0;
            check.Require(
                isInUse != _byLongestRun[length].IsEmpty, "a list of SuperSlabs is marked as in use if it is not empty",
                (nuint)_arena.Base, length);
            int slab = _byLongestRun[length].Head;
            for (int seen = 0; slab >= 0 && seen <= slabs; seen++)
            {
                SuperSlabHeader* header = _arena.Slab(slab);
                uint wrong = header->UncommittedUnits & (~header->FreeUnits | header->DirtyUnits);
                check.Require(
                    wrong == 0, "units that are not committed are free and clean", (nuint)_arena.AddressOfSlab(slab),
                    wrong);
                int longest = UnitMask.LongestRun(header->FreeUnits);
                check.Require(
                    longest == length, "a SuperSlab is in the list for its longest free run",
                    (nuint)_arena.AddressOfSlab(slab), longest);
                slab = _arena.Slab(slab)->Next;
            }
        }

        check.Require(listed == slabs, "every SuperSlab of units is in one list", (nuint)_arena.Base, listed);
    }

    private bool TryTake(int count, bool isGrowable, out int unit, out bool isFresh)
    {
        Debug.Assert(count is >= 1 and <= Geometry.UnitsPerSlab, "A run has 1 to 32 units.");
        int slab = FindSlab(count, isGrowable);
        if (slab < 0)
        {
            unit = -1;
            isFresh = false;
            return false;
        }

        SuperSlabHeader* header = _arena.Slab(slab);
        int length = isGrowable ? UnitMask.LongestRun(header->FreeUnits) : count;
        uint units = UnitMask.Of(UnitMask.FindRun(header->FreeUnits, length), count);
        isFresh = (header->DirtyUnits & units) == 0;
        unit = (slab << Geometry.UnitsPerSlabShift) + BitOperations.TrailingZeroCount(units);
        if (!TryCommit(slab, units))
        {
            // The SuperSlab is partly used, since those of the cache are committed as a whole.
            Link(slab);
            return false;
        }

        Take(slab, units);
        return true;
    }

    // A SuperSlab with that many adjoining free units, in no list; -1 if there is none.
    private int FindSlab(int count, bool isGrowable)
    {
        _cache.SyncRoot.AssertHeld();
        uint candidates = count < Geometry.UnitsPerSlab ? _listsInUse & (UnitMask.All << count) : 0;

        // A growable run gets an empty SuperSlab to grow into if one is cached, or a new one unless one is half free.
        if (isGrowable)
        {
            candidates &= _cache.HasEmpty ? 0 : UnitMask.All << (Geometry.UnitsPerSlab / 2);
        }

        if (candidates != 0)
        {
            int length = isGrowable ? BitOperations.Log2(candidates) : BitOperations.TrailingZeroCount(candidates);
            int slab = _byLongestRun[length].Head;
            Unlink(slab);
            return slab;
        }

        int taken = _cache.TryTake();
        if (taken >= 0)
        {
            SuperSlabHeader* header = _arena.Slab(taken);
            header->SetState(SuperSlabState.Cached, SuperSlabState.Spans);
            header->FreeUnits = UnitMask.All;
        }

        return taken;
    }

    private void MarkFreed(int unit, int count, long now)
    {
        for (int freed = unit; freed < unit + count; freed++)
        {
            _arena.Span(freed)->FreedAt = now;
        }
    }

    private void FreeUnits(int unit, int count, long now)
    {
        MarkFreed(unit, count, now);
        PutUnits(unit, count, now);
    }

    private void PutUnits(int unit, int count, long now)
    {
        int slab = unit >> Geometry.UnitsPerSlabShift;
        uint units = UnitMask.Of(unit & (Geometry.UnitsPerSlab - 1), count);
        SuperSlabHeader* header = _arena.Slab(slab);
        Debug.Assert((header->FreeUnits & units) == 0, "Units are freed that are free.");
        Unlink(slab);
        header->FreeUnits |= units;
        if (header->FreeUnits == UnitMask.All)
        {
            _cache.Put(slab, SuperSlabState.Spans, now);
        }
        else
        {
            Link(slab);
        }
    }

    private void Take(int slab, uint units)
    {
        SuperSlabHeader* header = _arena.Slab(slab);
        Debug.Assert((header->FreeUnits & units) == units, "Units are taken that are not free.");
        header->FreeUnits &= ~units;
        header->DirtyUnits |= units;
        Link(slab);
    }

    private void Link(int slab)
    {
        _cache.SyncRoot.AssertHeld();
        SuperSlabHeader* header = _arena.Slab(slab);
        Debug.Assert(header->State == SuperSlabState.Spans, "Only SuperSlabs in state Spans are in these lists.");
        int length = UnitMask.LongestRun(header->FreeUnits);
        _byLongestRun[length].AddFirst(_arena, slab);
        _listsInUse |= 1u << length;
    }

    private void Unlink(int slab)
    {
        _cache.SyncRoot.AssertHeld();
        SuperSlabHeader* header = _arena.Slab(slab);
        Debug.Assert(header->State == SuperSlabState.Spans, "Only SuperSlabs in state Spans are in these lists.");
        int length = UnitMask.LongestRun(header->FreeUnits);
        _byLongestRun[length].Remove(_arena, slab);
        if (_byLongestRun[length].IsEmpty)
        {
            _listsInUse &= ~(1u << length);
        }
    }

    private uint DirtyFreeUnitsOf(int slab)
    {
        SuperSlabHeader* header = _arena.Slab(slab);
        return header->State == SuperSlabState.Spans ? header->FreeUnits & header->DirtyUnits : 0;
    }

    // Clears the first run of set bits and returns it.
    private static UnitRange RemoveFirstRun(int slab, ref uint units)
    {
        int first = BitOperations.TrailingZeroCount(units);
        int count = Math.Min(BitOperations.TrailingZeroCount(~(units >> first)), Geometry.UnitsPerSlab - first);
        UnitRange range = new(slab, first, count);
        units &= ~range.Mask;
        return range;
    }

    private bool TryDiscard(UnitRange range) => _arena.Os.TryDiscard(_arena.AddressOfUnit(range.Unit), range.Bytes);

    private void MarkClean(UnitRange range)
    {
        SuperSlabHeader* header = _arena.Slab(range.Slab);
        header->DirtyUnits &= ~range.Mask;
        header->UncommittedUnits |= _arena.Os.Has(OsFeatures.DiscardKeepsCommitted) ? 0 : range.Mask;
        _cache.CountPurge((long)range.Bytes);
    }

    // Commits those of a SuperSlab's units that a purge decommitted. False if the system refuses.
    private bool TryCommit(int slab, uint units)
    {
        _cache.SyncRoot.AssertHeld();
        uint missing = _arena.Slab(slab)->UncommittedUnits & units;
        while (missing != 0)
        {
            UnitRange range = RemoveFirstRun(slab, ref missing);
            if (!_arena.Os.TryCommit(_arena.AddressOfUnit(range.Unit), range.Bytes))
            {
                return false;
            }

            _arena.Slab(slab)->UncommittedUnits &= ~range.Mask;
        }

        return true;
    }

    // Takes the units of a SuperSlab that are due for discarding; returns the number of their runs. Under the lock.
    private int TakeOverdue(int slab, long now, Span<UnitRange> batch, ref long nextDue)
    {
        SuperSlabHeader* header = _arena.Slab(slab);
        uint overdue = 0;
        uint rest = _cache.IsDiscarding && !_cache.KeepsHugePages ? DirtyFreeUnitsOf(slab) : 0;
        for (; rest != 0; rest &= rest - 1)
        {
            int unit = BitOperations.TrailingZeroCount(rest);

            // If the SuperSlab was empty later than the unit was freed, the unit has been free since then.
            SpanHeader* span = _arena.Span((slab << Geometry.UnitsPerSlabShift) + unit);
            long freedAt = Math.Max(span->FreedAt, header->EmptySince);
            if (now - freedAt >= _cache.PurgeDelayMs)
            {
                overdue |= 1u << unit;
            }
            else
            {
                nextDue = Math.Min(nextDue, freedAt + _cache.PurgeDelayMs);
            }
        }

        if (overdue == 0)
        {
            return 0;
        }

        Unlink(slab);
        Take(slab, overdue);
        int count = 0;
        while (overdue != 0)
        {
            batch[count++] = RemoveFirstRun(slab, ref overdue);
        }

        return count;
    }

    private void FinishPurge(ReadOnlySpan<UnitRange> batch, long now)
    {
        ulong isDone = 0;
        try
        {
            for (int i = 0; i < batch.Length; i++)
            {
                isDone |= TryDiscard(batch[i]) ? 1UL << i : 0;
            }
        }
        finally
        {
            // Also after an exception: without this the units would count as in use for ever.
            using (_cache.SyncRoot.Enter())
            {
                for (int i = 0; i < batch.Length; i++)
                {
                    UnitRange range = batch[i];
                    if ((isDone & (1UL << i)) != 0)
                    {
                        MarkClean(range);
                    }
                    else
                    {
                        // The system refused: the next try is one delay from now.
                        MarkFreed(range.Unit, range.Count, now);
                    }

                    PutUnits(range.Unit, range.Count, now);
                }
            }
        }
    }
}
