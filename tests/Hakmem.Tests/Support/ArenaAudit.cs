using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Guarded;
using Hakmem.Heaps;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Tests.Heaps;
using Xunit;

namespace Hakmem.Tests.Support;

// Checks a heap that is alone in its arena, while no thread is in it: by its own check, and by its map against its statistics. Then what those
// cannot ask, since other heaps and threads may be at work: that nothing is held, that nothing is left of SuperSlabs that the heap returned, and
// that the bytes of blocks are exactly those of the statistics.
internal static unsafe class ArenaAudit
{
    public static void Check(HakmemAllocator heap)
    {
        HeapSoundness.Assert(heap);
        MapAudit.AssertMatchesStatistics(heap);
        Arena arena = ((Heap)heap.LiveHeap!).SuperSlabs.Arena;
        HakmemHeapMap map = heap.GetHeapMap();
        Assert.Equal(map.SuperSlabs.Sum(slab => BlockBytesOf(arena, slab)), BlockBytesOf(heap.GetStatistics()));
        AssertNothingLeft(arena, [.. map.SuperSlabs.Select(slab => IndexOf(arena, slab))]);
    }

    private static long BlockBytesOf(HakmemStatistics statistics) => statistics.LiveBytes + statistics.CachedBytes;

    // The bytes of blocks in a SuperSlab. Those of a run count where it begins.
    private static long BlockBytesOf(Arena arena, SuperSlabInfo slab)
    {
        int index = IndexOf(arena, slab);
        Assert.True(slab.Kind != SuperSlabKind.LargeRun || slab.DirtyBytes == HakmemHeapMap.SuperSlabBytes, $"A run's SuperSlab {index} is clean.");
        Assert.False(slab.RunLength > 0 && arena.Slab(index)->IsHeld, $"The run at SuperSlab {index} is held.");
        long bytes = slab.RunLength > 0 ? -arena.Slab(index)->RunOffsetBytes : 0;
        int unit = index << Geometry.UnitsPerSlabShift;
        foreach (UnitInfo info in slab.Units.Span)
        {
            bytes += BlockBytesOf(arena, unit++, info);
        }

        return bytes;
    }

    private static long BlockBytesOf(Arena arena, int unit, UnitInfo info)
    {
        switch (info.Kind)
        {
            case UnitKind.Span when info.IsFirst:
                return (long)info.BlocksOut * info.BlockBytes;
            case UnitKind.GrowableRun:
                Assert.False(info.IsFirst && arena.Span(unit)->IsHeld, $"The run at unit {unit} is held.");
                return HakmemHeapMap.UnitBytes;
            case UnitKind.LargeRun:
                return HakmemHeapMap.UnitBytes;
            case UnitKind.Guarded when info.IsFirst:
                GuardedBlock* block = (GuardedBlock*)arena.Span(unit)->Guard;
                Assert.True(block->DataEnd + arena.Os.PageSize <= block->RangeBytes, $"The block at unit {unit} has no room for its guard page.");
                return (long)block->Bytes;
            default:
                return 0;
        }
    }

    // The SuperSlabs of the arena that are not the heap's.
    private static void AssertNothingLeft(Arena arena, HashSet<int> owned)
    {
        for (int slab = 0; slab < arena.SlabCount && arena.HasTables((nuint)slab << Geometry.SlabShift); slab++)
        {
            if (!owned.Contains(slab))
            {
                Assert.Equal(SuperSlabState.Untaken, arena.Slab(slab)->State);
                ReadOnlySpan<ulong> entries = new(arena.EntryOf(slab << Geometry.UnitsPerSlabShift), Geometry.UnitsPerSlab);
                Assert.Equal(-1, entries.IndexOfAnyExcept(0UL));
            }
        }
    }

    private static int IndexOf(Arena arena, SuperSlabInfo slab) => arena.UnitOf(slab.Address) >> Geometry.UnitsPerSlabShift;
}
