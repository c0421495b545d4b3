using System;
using System.Numerics;
using Hakmem.Arenas;
using Hakmem.Os;
using Hakmem.SizeClasses;

namespace Hakmem.Spans;

// Cuts SuperSlabs into runs of 1 .. 32 units, for spans and for growable blocks.
//
// Best fit: a run comes from the SuperSlab whose longest free run is the shortest that will do, which leaves long runs whole and lets
// sparse SuperSlabs drain. Finding it is one bit scan: SuperSlabs are listed by the length of their longest free run.
// Growable runs are put at the start of the longest run there is, so that they have room behind them.
//
// Thread-safe, by the heap's SuperSlab lock.
internal sealed unsafe partial class UnitAllocator
{
    private readonly SuperSlabCache _cache;
    private readonly Arena _arena;

    // Guarded by the lock. SuperSlabs in state Spans, by the length of their longest free run: 0 .. 31 units.
    private readonly SlabList[] _byLongestRun = new SlabList[Geometry.UnitsPerSlab];

    // Guarded by the lock. Bit n is set when the list for n units is not empty.
    private uint _listsInUse;

    public UnitAllocator(SuperSlabCache cache)
    {
        _cache = cache;
        _arena = cache.Arena;
        for (int length = 0; length < _byLongestRun.Length; length++)
        {
            _byLongestRun[length] = new SlabList();
        }
    }

    // Takes count units that lie together; isFresh says whether their memory is known to be zero.
    public bool TryAllocate(int count, bool isGrowable, out int unit, out bool isFresh)
    {
        using (_cache.SyncRoot.Enter())
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
    }

    // Takes the units behind a run of them, if they are free.
    public bool TryExtend(int unit, int count, int newCount)
    {
        int slab = unit >> Geometry.UnitsPerSlabShift;
        int first = unit & (Geometry.UnitsPerSlab - 1);
        if (first + newCount > Geometry.UnitsPerSlab)
        {
            return false;
        }

        using (_cache.SyncRoot.Enter())
        {
            uint units = UnitMask.Of(first + count, newCount - count);
            if ((_arena.Slab(slab)->FreeUnits & units) != units)
            {
                return false;
            }

            Unlist(slab);
            Take(slab, units);
            return true;
        }
    }

    // Returns units. A SuperSlab that is emptied goes to the cache.
    public void Free(int unit, int count)
    {
        long now = _cache.NowMs;
        using (_cache.SyncRoot.Enter())
        {
            MarkFreed(unit, count, now);
            GiveBack(unit, count, now);
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

    // Takes a SuperSlab that one run of units fills out of this allocator's books. Under the lock.
    public void Surrender(int slab) => Unlist(slab);

    private int FindSlab(int count, bool isGrowable)
    {
        uint candidates = count < Geometry.UnitsPerSlab ? _listsInUse & (UnitMask.All << count) : 0;

        // A growable run is worth an empty SuperSlab of its own unless half of one is free.
        if (isGrowable)
        {
            candidates &= UnitMask.All << (Geometry.UnitsPerSlab / 2);
        }

        if (candidates != 0)
        {
            int length = isGrowable ? BitOperations.Log2(candidates) : BitOperations.TrailingZeroCount(candidates);
            int slab = _byLongestRun[length].Head;
            Unlist(slab);
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

    private void GiveBack(int unit, int count, long now)
    {
        int slab = unit >> Geometry.UnitsPerSlabShift;
        SuperSlabHeader* header = _arena.Slab(slab);
        Unlist(slab);
        header->FreeUnits |= UnitMask.Of(unit & (Geometry.UnitsPerSlab - 1), count);
        if (header->FreeUnits == UnitMask.All)
        {
            _cache.Put(slab, now);
        }
        else
        {
            List(slab);
        }
    }

    private void Take(int slab, uint units)
    {
        SuperSlabHeader* header = _arena.Slab(slab);
        header->FreeUnits &= ~units;
        header->DirtyUnits |= units;
        List(slab);
    }

    private void List(int slab)
    {
        int length = UnitMask.LongestRun(_arena.Slab(slab)->FreeUnits);
        _byLongestRun[length].AddFirst(_arena, slab);
        _listsInUse |= 1u << length;
    }

    private void Unlist(int slab)
    {
        int length = UnitMask.LongestRun(_arena.Slab(slab)->FreeUnits);
        _byLongestRun[length].Remove(_arena, slab);
        if (_byLongestRun[length].IsEmpty)
        {
            _listsInUse &= ~(1u << length);
        }
    }
}
