using System;
using System.Threading;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Heaps;

// Copies the records of a heap's SuperSlabs into a HakmemHeapMap.
//
// All of it is read under the SuperSlab lock, which every change of a unit requires, so the kinds of SuperSlabs and
// units are of one moment. Two things change under depots' locks meanwhile: a span's entries while it is opened or
// closed (the unit is Changing, or the span's first entry decides for all of its units), and its count of free blocks,
// which is clamped. Entering all 112 depots' locks would make the counts exact, but stop every thread's slow path.
//
// Under the lock only a few loads a unit happen. Memory is allocated before and the map made after, because a garbage
// collection under the lock would block every thread's slow path.
internal static unsafe class HeapMapReader
{
    // The copy has room for this many SuperSlabs more than were counted, and an eighth.
    private const int SpareSlabs = 4;

    public static HakmemHeapMap Take(Arena arena, SuperSlabCache superSlabs, BlockKinds kinds)
    {
        while (true)
        {
            int owned;
            using (superSlabs.SyncRoot.Enter())
            {
                owned = superSlabs.OwnedCount;
            }

            int capacity = owned + (owned / 8) + SpareSlabs;
            var slabs = new SuperSlabInfo[capacity];
            var units = new UnitInfo[capacity * Geometry.UnitsPerSlab];
            int copied = TryCopy(arena, superSlabs, kinds, slabs, units);
            if (copied >= 0)
            {
                return new HakmemHeapMap { SuperSlabs = new ArraySegment<SuperSlabInfo>(slabs, 0, copied) };
            }
        }
    }

    // The SuperSlabs of a heap, by their numbers in ascending order.
    public static int[] ListOwned(SuperSlabCache superSlabs)
    {
        int[] slabs = [];
        while (true)
        {
            int count = 0;
            int owned;
            using (superSlabs.SyncRoot.Enter())
            {
                owned = superSlabs.OwnedCount;
                int slab = owned <= slabs.Length ? superSlabs.NextOwned(0) : -1;
                for (; slab >= 0; slab = superSlabs.NextOwned(slab + 1))
                {
                    slabs[count++] = slab;
                }
            }

            if (owned <= slabs.Length)
            {
                Array.Resize(ref slabs, count);
                return slabs;
            }

            slabs = new int[owned + (owned / 8) + SpareSlabs];
        }
    }

    // Returns the number of SuperSlabs, or -1 if the heap has grown beyond the copy's room.
    private static int TryCopy(
        Arena arena, SuperSlabCache superSlabs, BlockKinds kinds, SuperSlabInfo[] slabs, UnitInfo[] units)
    {
        using (superSlabs.SyncRoot.Enter())
        {
            return superSlabs.OwnedCount <= slabs.Length ? Copy(arena, superSlabs, kinds, slabs, units) : -1;
        }
    }

    private static int Copy(
        Arena arena, SuperSlabCache superSlabs, BlockKinds kinds, SuperSlabInfo[] slabs, UnitInfo[] units)
    {
        int count = 0;
        for (int slab = superSlabs.NextOwned(0); slab >= 0; slab = superSlabs.NextOwned(slab + 1))
        {
            SuperSlabHeader* header = arena.Slab(slab);
            Memory<UnitInfo> slabUnits = units.AsMemory(count * Geometry.UnitsPerSlab, Geometry.UnitsPerSlab);
            CopyUnits(arena, slab, kinds, slabUnits.Span);
            slabs[count++] = new SuperSlabInfo(
                (nuint)arena.AddressOfSlab(slab),
                KindOf(header),
                header->State == SuperSlabState.RunHead ? header->RunSlabs : 0,
                DirtyMemory.BytesOf(arena, slab),
                slabUnits);
        }

        return count;
    }

    private static SuperSlabKind KindOf(SuperSlabHeader* header) => header->State switch
    {
        SuperSlabState.Spans => SuperSlabKind.Spans,
        SuperSlabState.RunHead or SuperSlabState.RunBody => SuperSlabKind.LargeRun,
        SuperSlabState.Cached => header->DirtyUnits != 0 ? SuperSlabKind.CachedDirty : SuperSlabKind.CachedClean,
        _ => SuperSlabKind.Purging,
    };

    private static void CopyUnits(Arena arena, int slab, BlockKinds kinds, Span<UnitInfo> units)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        if (SlabRunKind.IsRun(header->State))
        {
            Describe(arena, slab << Geometry.UnitsPerSlabShift, kinds, units);
            return;
        }

        uint free = header->State == SuperSlabState.Spans ? header->FreeUnits : UnitMask.All;
        int unit = 0;
        while (unit < units.Length)
        {
            uint bit = 1u << unit;
            if ((free & bit) == 0)
            {
                unit += Describe(arena, (slab << Geometry.UnitsPerSlabShift) + unit, kinds, units[unit..]);
            }
            else
            {
                UnitKind kind = (header->DirtyUnits & bit) != 0 ? UnitKind.FreeDirty : UnitKind.FreeClean;
                units[unit++] = new UnitInfo(kind, IsFirst: false, 0, 0, 0);
            }
        }
    }

    // Copies a whole span or one unit of another kind; returns the number of units.
    private static int Describe(Arena arena, int unit, BlockKinds kinds, Span<UnitInfo> units)
    {
        DecodedEntry entry = PageMapEntry.Decode(Volatile.Read(ref *arena.EntryOf(unit)));
        return kinds.Of(entry).Describe(unit, entry, units);
    }
}
