using System.Diagnostics;
using Hakmem.Records;

namespace Hakmem.Pages;

// The SuperSlabs that a heap keeps for reuse: a set that finds runs, and two lists by age, newest first. Dirty ones may
// have pages, clean ones are known to be zero. Not thread-safe: SuperSlabCache calls it under its SyncRoot.
internal sealed unsafe class EmptySuperSlabs(Arena arena)
{
    private SuperSlabList _dirty = new();
    private SuperSlabList _clean = new();

    // The heap reserves room in it before it gets a SuperSlab, so that adding one cannot fail.
    public SuperSlabBitmap Set { get; } = new(arena.Metadata);

    // The one to reuse first: the newest of the dirty ones, then of the clean ones; -1 if there is none.
    public int Warmest => !_dirty.IsEmpty ? _dirty.Head : _clean.Head;

    public int OldestDirty => _dirty.Tail;

    public int OldestClean => _clean.Tail;

    // The lowest one of which all units are committed; -1 if there is none.
    public int FindWhole()
    {
        int slab = Set.NextMember(0);
        while (slab >= 0 && arena.Slab(slab)->UncommittedUnits != 0)
        {
            slab = Set.NextMember(slab + 1);
        }

        return slab;
    }

    // The dirty one that became empty next after a given one; -1 if there is none, or that one is not dirty and here.
    public int NextNewerDirty(int slab) =>
        slab >= 0 && Set.Contains(slab) && arena.Slab(slab)->DirtyUnits != 0 ? arena.Slab(slab)->Previous : -1;

    public void Add(int slab, SuperSlabState from)
    {
        Prepare(slab, from);
        ListOf(slab).AddFirst(arena, slab);
    }

    // Adds one that keeps the time at which it became empty, so that the lists stay in order.
    public void AddByAge(int slab, SuperSlabState from)
    {
        Prepare(slab, from);
        ListOf(slab).AddByAge(arena, slab);
    }

    // Leaves the states to the caller.
    public void Remove(int first, int count)
    {
        for (int slab = first; slab < first + count; slab++)
        {
            SuperSlabHeader* header = arena.Slab(slab);
            Debug.Assert(header->State == SuperSlabState.Cached, "A SuperSlab of the cache is not in state Cached.");
            ListOf(slab).Remove(arena, slab);
        }

        Set.Remove(first, count);
    }

    // Removes all, without writing their headers.
    public void Clear()
    {
        _dirty = new SuperSlabList();
        _clean = new SuperSlabList();
        Set.Clear();
    }

    public void Verify(HeapCheck check)
    {
        int listed = _dirty.Verify(check, arena, Set.Count + 1) + _clean.Verify(check, arena, Set.Count + 1);
        check.Require(listed == Set.Count, "every empty SuperSlab is in one list", (nuint)arena.Base, listed);
        for (int slab = Set.NextMember(0); slab >= 0; slab = Set.NextMember(slab + 1))
        {
            SuperSlabHeader* header = arena.Slab(slab);
            nuint address = (nuint)arena.AddressOfSlab(slab);
            check.Require(
                header->State == SuperSlabState.Cached, "a SuperSlab in the set of empty ones is Cached", address,
                (long)header->State);
            check.Require(
                header->FreeUnits == UnitMask.All, "all units of an empty SuperSlab are free", address,
                header->FreeUnits);
        }
    }

    private void Prepare(int slab, SuperSlabState from)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        header->SetState(from, SuperSlabState.Cached);
        header->FreeUnits = UnitMask.All;
        Set.Add(slab, 1);
    }

    private ref SuperSlabList ListOf(int slab) => ref arena.Slab(slab)->DirtyUnits != 0 ? ref _dirty : ref _clean;
}
