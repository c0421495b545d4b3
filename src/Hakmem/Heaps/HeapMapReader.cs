using System;
using System.Numerics;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// Copies what a heap's SuperSlabs hold into a HakmemHeapMap.
//
// All of it is read under the SuperSlab lock, which no unit can be taken or given back without. So the kinds of all SuperSlabs and units are of
// one moment; what changes under depots' locks meanwhile is a span's entries being written or cleared while its units are taken (Changing, or
// the span's first entry decides for all of its units) and its count of free blocks, which is clamped to what is possible.
// Taking all 112 depots' locks as well would make the counts exact and stop every thread's slow path; a picture is not worth that.
//
// The lock is held for the copying alone, a few loads for each unit: memory for the copy is allocated before and the
// map made of it after, since a collection that begins under the lock would make every thread's slow path wait for it.
internal static unsafe class HeapMapReader
{
    // Room beyond the SuperSlabs counted a moment ago: at least this many, and an eighth.
    private const int SpareSlabs = 4;

    public static HakmemHeapMap Take(Arena arena, SuperSlabCache superSlabs, SizeClassInfo[] classes)
    {
        while (true)
        {
            int owned = OwnedCount(superSlabs);
            int capacity = owned + (owned / 8) + SpareSlabs;
            var slabs = new SuperSlabInfo[capacity];
            var units = new UnitInfo[capacity * Geometry.UnitsPerSlab];
            int copied = TryCopy(arena, superSlabs, classes, slabs, units);
            if (copied >= 0)
            {
                return new HakmemHeapMap { SuperSlabs = new ArraySegment<SuperSlabInfo>(slabs, 0, copied) };
            }
        }
    }

    // Gives the number of SuperSlabs, or -1 if the heap has grown past the room meanwhile and has to be measured again.
    private static int TryCopy(Arena arena, SuperSlabCache superSlabs, SizeClassInfo[] classes, SuperSlabInfo[] slabs, UnitInfo[] units)
    {
        using (superSlabs.SyncRoot.Enter())
        {
            return superSlabs.OwnedCount <= slabs.Length ? Copy(arena, superSlabs, classes, slabs, units) : -1;
        }
    }

    private static int OwnedCount(SuperSlabCache superSlabs)
    {
        using (superSlabs.SyncRoot.Enter())
        {
            return superSlabs.OwnedCount;
        }
    }

    private static int Copy(Arena arena, SuperSlabCache superSlabs, SizeClassInfo[] classes, SuperSlabInfo[] slabs, UnitInfo[] units)
    {
        int count = 0;
        for (int slab = superSlabs.NextOwned(0); slab >= 0; slab = superSlabs.NextOwned(slab + 1))
        {
            SuperSlabHeader* header = arena.Slab(slab);
            Memory<UnitInfo> slabUnits = units.AsMemory(count * Geometry.UnitsPerSlab, Geometry.UnitsPerSlab);
            CopyUnits(arena, slab, classes, slabUnits.Span);
            slabs[count++] = new SuperSlabInfo(
                (nuint)arena.AddressOfSlab(slab),
                KindOf(header),
                header->State == SuperSlabState.RunHead ? header->RunSlabs : 0,
                (long)BitOperations.PopCount(header->DirtyUnits) << Geometry.UnitShift,
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

    private static void CopyUnits(Arena arena, int slab, SizeClassInfo[] classes, Span<UnitInfo> units)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        if (header->State is SuperSlabState.RunHead or SuperSlabState.RunBody)
        {
            // A guarded range's SuperSlabs have entries, those of other runs none.
            EntryKind entry = PageMapEntry.Decode(*arena.EntryOf(slab << Geometry.UnitsPerSlabShift)).Kind;
            UnitKind kind = entry == EntryKind.Guarded ? UnitKind.Guarded : UnitKind.LargeRun;
            units.Fill(new UnitInfo(kind, IsFirst: false, 0, 0, 0));
            units[0] = units[0] with { IsFirst = header->State == SuperSlabState.RunHead };
            return;
        }

        uint free = header->State == SuperSlabState.Spans ? header->FreeUnits : UnitMask.All;
        int unit = 0;
        while (unit < units.Length)
        {
            uint bit = 1u << unit;
            if ((free & bit) == 0)
            {
                unit += CopyTaken(arena, (slab << Geometry.UnitsPerSlabShift) + unit, classes, units[unit..]);
            }
            else
            {
                UnitKind kind = (header->DirtyUnits & bit) != 0 ? UnitKind.FreeDirty : UnitKind.FreeClean;
                units[unit++] = new UnitInfo(kind, IsFirst: false, 0, 0, 0);
            }
        }
    }

    // Copies a whole span or one unit of something else; gives the number of units.
    private static int CopyTaken(Arena arena, int unit, SizeClassInfo[] classes, Span<UnitInfo> units)
    {
        DecodedEntry entry = PageMapEntry.Decode(Volatile.Read(ref *arena.EntryOf(unit)));
        bool isFirst = entry.Address == (nuint)arena.AddressOfUnit(unit);
        return entry.Kind switch
        {
            EntryKind.None => CopyUnit(UnitKind.Changing, isFirst: false, units),
            EntryKind.Span when isFirst => CopySpan(arena, unit, classes[entry.SizeClass], units),

            // Cleared from the first unit on.
            EntryKind.Span => CopyUnit(UnitKind.Changing, isFirst: false, units),
            EntryKind.UnitRun => CopyUnit(UnitKind.GrowableRun, isFirst, units),
            EntryKind.Guarded => CopyUnit(UnitKind.Guarded, isFirst, units),
        };
    }

    private static int CopyUnit(UnitKind kind, bool isFirst, Span<UnitInfo> units)
    {
        units[0] = new UnitInfo(kind, isFirst, 0, 0, 0);
        return 1;
    }

    private static int CopySpan(Arena arena, int unit, SizeClassInfo info, Span<UnitInfo> units)
    {
        int freeBlocks = Math.Clamp(Volatile.Read(ref arena.Span(unit)->FreeCount), 0, info.BlocksPerSpan);
        var span = new UnitInfo(UnitKind.Span, IsFirst: false, info.BlockBytes, info.BlocksPerSpan, info.BlocksPerSpan - freeBlocks);
        units[..info.SpanUnits].Fill(span);
        units[0] = span with { IsFirst = true };
        return info.SpanUnits;
    }
}
