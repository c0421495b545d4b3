using System;
using System.Numerics;
using Hakmem.Records;

namespace Hakmem.Pages;

// Cuts SuperSlabs into runs of 1 .. 32 units, for spans and for growable blocks.
//
// Best fit: a run comes from the SuperSlab whose longest free run is the shortest that will do, which leaves long runs whole and lets
// sparse SuperSlabs drain. Finding it is one bit scan: SuperSlabs are listed by the length of their longest free run.
// Growable runs are put at the start of the longest run there is, so that they have room behind them.
//
// Thread-safe, by the heap's SuperSlab lock.
//
// Of units that are one block by themselves, growable runs and guarded ranges, the page map entries and the span header
// are this class's too: they change in the same step under the lock in which the units do. So whoever asks under the
// lock what is there gets one answer, and of two threads that free the same run one does. (A span's entries are its
// depot's.)
internal sealed unsafe partial class UnitAllocator
{
    private readonly SuperSlabCache _cache;
    private readonly Arena _arena;

    // Guarded by the lock. SuperSlabs in state Spans, by the length of their longest free run: 0 .. 31 units.
    private readonly SuperSlabList[] _byLongestRun = new SuperSlabList[Geometry.UnitsPerSlab];

    // Guarded by the lock. Bit n is set when the list for n units is not empty.
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

    // Takes count units that lie together; isFresh says whether their memory is known to be zero.
    public bool TryAllocate(int count, bool isGrowable, out int unit, out bool isFresh)
    {
        using (_cache.SyncRoot.Enter())
        {
            return TryTake(count, isGrowable, out unit, out isFresh);
        }
    }

    // Takes a growable run of units.
    public bool TryAllocateRun(int count, out int unit)
    {
        using (_cache.SyncRoot.Enter())
        {
            if (!TryTake(count, isGrowable: true, out unit, out _))
            {
                return false;
            }

            _arena.Span(unit)->UnitCount = count;
            _arena.Span(unit)->IsHeld = false;
            SetRunEntries(unit, 0, count);
            return true;
        }
    }

    // Takes units for a guarded block, whose record is given; isFresh as for TryAllocate.
    public bool TryAllocateGuarded(int count, void* guard, out int unit, out bool isFresh)
    {
        using (_cache.SyncRoot.Enter())
        {
            if (!TryTake(count, isGrowable: false, out unit, out isFresh))
            {
                return false;
            }

            _arena.Span(unit)->UnitCount = count;
            _arena.Span(unit)->Guard = guard;
            _arena.SetEntries(unit, count, PageMapEntry.ForRange(EntryKind.Guarded, (nuint)_arena.AddressOfUnit(unit)));
            return true;
        }
    }

    // Returns a guarded block's units. Only the thread that has taken the block's record out of the quarantine calls
    // this.
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
            return _cache.IsOwned(unit >> Geometry.UnitsPerSlabShift) && IsBegin(unit, EntryKind.Guarded) ? _arena.Span(unit)->Guard : null;
        }
    }

    // Returns a growable run. False if none begins with the unit (any more), or a thread has a hold of it.
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

    // Returns a growable run that the caller has a hold of.
    public void FreeRun(int unit)
    {
        long now = _cache.NowMs;
        using (_cache.SyncRoot.Enter())
        {
            FreeBlock(unit, now);
        }
    }

    // Lets a growable run have that many units of one SuperSlab, if those behind it are free.
    public ResizeResult TryResizeRun(int unit, int newCount)
    {
        long now = _cache.NowMs;
        using (_cache.SyncRoot.Enter())
        {
            return IsFreeRun(unit) ? ResizeRun(unit, newCount, now) : ResizeResult.NotThere;
        }
    }

    // Whether a growable run of this heap begins with a unit. Under the lock.
    public bool IsRun(int unit) => _cache.IsOwned(unit >> Geometry.UnitsPerSlabShift) && IsBegin(unit, EntryKind.UnitRun);

    // Takes the units behind a run of them, if they are free. Under the lock.
    public bool TryExtend(int unit, int count, int newCount)
    {
        int slab = unit >> Geometry.UnitsPerSlabShift;
        int first = unit & (Geometry.UnitsPerSlab - 1);
        if (first + newCount > Geometry.UnitsPerSlab)
        {
            return false;
        }

        uint units = UnitMask.Of(first + count, newCount - count);
        if ((_arena.Slab(slab)->FreeUnits & units) != units)
        {
            return false;
        }

        Unlink(slab);
        Take(slab, units);
        return true;
    }

    // Returns units. A SuperSlab that is emptied goes to the cache.
    public void Free(int unit, int count)
    {
        long now = _cache.NowMs;
        using (_cache.SyncRoot.Enter())
        {
            MarkFreed(unit, count, now);
            FreeUnits(unit, count, now);
        }
    }

    // Asks for the pages of fresh memory that is in use, in one call instead of a fault for each. The first may be there already. A refusal, or a
    // kernel that has no such call, costs just those faults; what is in a huge page has come with it. Under no lock.
    public void Populate(byte* start, byte* end)
    {
        nuint mask = _arena.Os.PageSize - 1;
        nuint first = ((nuint)start + mask) & ~mask;
        nuint last = ((nuint)end + mask) & ~mask;
        if (last > first + mask + 1 && !_cache.KeepsHugePages)
        {
            _arena.Os.TryPopulate((byte*)first, last - first);
        }
    }

    // Takes a SuperSlab that one growable run fills out of this allocator's books, and out of the page map. Under the
    // lock.
    public void DetachSuperSlab(int slab)
    {
        _arena.SetEntries(slab << Geometry.UnitsPerSlabShift, Geometry.UnitsPerSlab, 0);
        Unlink(slab);
    }

    // Whether a growable run that nobody has a hold of begins with a unit. Under the lock.
    private bool IsFreeRun(int unit) => IsRun(unit) && !_arena.Span(unit)->IsHeld;

    // Of a unit of a SuperSlab that the heap has.
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
            MarkFreed(unit + newCount, count - newCount, now);
            FreeUnits(unit + newCount, count - newCount, now);
        }

        span->UnitCount = newCount;
        return ResizeResult.Done;
    }

    private void SetRunEntries(int unit, int from, int to) =>
        _arena.SetEntries(unit + from, to - from, PageMapEntry.ForRange(EntryKind.UnitRun, (nuint)_arena.AddressOfUnit(unit)));

    private void FreeBlock(int unit, long now)
    {
        int count = _arena.Span(unit)->UnitCount;
        _arena.SetEntries(unit, count, 0);
        MarkFreed(unit, count, now);
        FreeUnits(unit, count, now);
    }

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
                int longest = UnitMask.LongestRun(_arena.Slab(slab)->FreeUnits);
                check.Require(
                    longest == length, "a SuperSlab is in the list for its longest free run", (nuint)_arena.AddressOfSlab(slab),
                    longest);
                slab = _arena.Slab(slab)->Next;
            }
        }

        check.Require(listed == slabs, "every SuperSlab of units is in one list", (nuint)_arena.Base, listed);
    }

    private bool TryTake(int count, bool isGrowable, out int unit, out bool isFresh)
    {
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
        Take(slab, units);
        return true;
    }

    private int FindSlab(int count, bool isGrowable)
    {
        uint candidates = count < Geometry.UnitsPerSlab ? _listsInUse & (UnitMask.All << count) : 0;

        // A growable run is worth an empty SuperSlab of its own, where it can grow beyond it, if there is one, and a new
        // one unless half of one is free.
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
            header->State = SuperSlabState.Spans;
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
        int slab = unit >> Geometry.UnitsPerSlabShift;
        SuperSlabHeader* header = _arena.Slab(slab);
        Unlink(slab);
        header->FreeUnits |= UnitMask.Of(unit & (Geometry.UnitsPerSlab - 1), count);
        if (header->FreeUnits == UnitMask.All)
        {
            _cache.Put(slab, now);
        }
        else
        {
            Link(slab);
        }
    }

    private void Take(int slab, uint units)
    {
        SuperSlabHeader* header = _arena.Slab(slab);
        header->FreeUnits &= ~units;
        header->DirtyUnits |= units;
        Link(slab);
    }

    private void Link(int slab)
    {
        int length = UnitMask.LongestRun(_arena.Slab(slab)->FreeUnits);
        _byLongestRun[length].AddFirst(_arena, slab);
        _listsInUse |= 1u << length;
    }

    private void Unlink(int slab)
    {
        int length = UnitMask.LongestRun(_arena.Slab(slab)->FreeUnits);
        _byLongestRun[length].Remove(_arena, slab);
        if (_byLongestRun[length].IsEmpty)
        {
            _listsInUse &= ~(1u << length);
        }
    }
}
