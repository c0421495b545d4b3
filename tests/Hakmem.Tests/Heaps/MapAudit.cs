using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Os;
using Hakmem.Small;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Heaps;

// What must hold for every heap map, and what ties one to the statistics of a heap that nobody uses meanwhile.
internal static unsafe class MapAudit
{
    private static readonly Dictionary<int, SizeClassInfo> s_byBlockBytes = SizeClassInfo.CreateTable().ToDictionary(info => info.BlockBytes);

    // Holds even while other threads are in the heap.
    public static void AssertWellFormed(HakmemHeapMap map)
    {
        nuint previous = 0;
        int runLeft = 0;
        foreach (SuperSlabInfo slab in map.SuperSlabs)
        {
            Assert.True(slab.Address > previous, "SuperSlabs come by ascending address.");
            Assert.Equal((nuint)0, slab.Address % HakmemHeapMap.SuperSlabBytes);
            Assert.InRange(slab.DirtyBytes, 0, HakmemHeapMap.SuperSlabBytes);
            Assert.Equal(HakmemHeapMap.SuperSlabBytes / HakmemHeapMap.UnitBytes, slab.Units.Length);
            runLeft = AssertRun(slab, runLeft, slab.Address - previous == HakmemHeapMap.SuperSlabBytes);
            AssertUnits(slab);
            previous = slab.Address;
        }

        Assert.Equal(0, runLeft);
    }

    public static void AssertMatchesStatistics(HakmemAllocator heap)
    {
        HakmemHeapMap map;
        HakmemStatistics statistics;
        List<nuint> misjudged;
        int attempts = 0;
        do
        {
            // The decay may give memory back at any moment: what is compared is of one without it.
            Assert.True(attempts++ < 1_000, "The heap does not come to rest.");
            statistics = heap.GetStatistics();
            map = heap.GetHeapMap();
            misjudged = [.. map.SuperSlabs.SelectMany(slab => Misjudged(heap, slab))];
        }
        while (FiguresOf(statistics) != FiguresOf(heap.GetStatistics()));

        AssertWellFormed(map);
        UnitInfo[] units = [.. map.SuperSlabs.SelectMany(slab => slab.Units.ToArray())];
        UnitInfo[] spans = [.. units.Where(unit => unit is { Kind: UnitKind.Span, IsFirst: true })];
        Assert.DoesNotContain(units, unit => unit.Kind == UnitKind.Changing);
        StatisticsAudit.AssertCommitted(
            statistics.CommittedBytes, map.SuperSlabs.Count, SystemNeeds.Has(OsFeatures.DiscardKeepsCommitted));
        Assert.Equal(statistics.DirtyBytes, map.SuperSlabs.Sum(slab => slab.DirtyBytes));
        Assert.Equal(statistics.SuperSlabsInUse, map.SuperSlabs.Count(slab => slab.Kind is SuperSlabKind.Spans or SuperSlabKind.LargeRun));
        Assert.Equal(statistics.SuperSlabsCached, map.SuperSlabs.Count(slab => slab.Kind is SuperSlabKind.CachedDirty or SuperSlabKind.CachedClean));

        // A large block may begin a little behind its run's start: the map shows the run, the statistics count the block.
        long inUse = spans.Sum(unit => (long)unit.BlocksOut * unit.BlockBytes) +
            ((long)HakmemHeapMap.UnitBytes * units.Count(unit => unit.Kind is UnitKind.GrowableRun or UnitKind.LargeRun));
        long outOfBlocks = inUse - statistics.LiveBytes - statistics.CachedBytes;

        // So does a guarded block, which may be much smaller than its range.
        long guarded = (long)HakmemHeapMap.UnitBytes * units.Count(unit => unit.Kind == UnitKind.Guarded);
        Assert.InRange(outOfBlocks, -guarded, 4_095L * map.SuperSlabs.Count(slab => slab.RunLength > 0));

        Assert.Equal(
            statistics.SizeClasses.Select(row => (row.BlockBytes, row.Spans)),
            spans.GroupBy(unit => (long)unit.BlockBytes).OrderBy(group => group.Key).Select(group => (group.Key, group.Count())));
        Assert.Empty(misjudged);
    }

    private static int AssertRun(SuperSlabInfo slab, int runLeft, bool isAdjacent)
    {
        if (runLeft > 0)
        {
            Assert.True(isAdjacent && slab.Kind == SuperSlabKind.LargeRun && slab.RunLength == 0, "A large run's SuperSlabs lie together.");
            Assert.False(slab.Units.Span[0].IsFirst);
            return runLeft - 1;
        }

        Assert.Equal(slab.Kind == SuperSlabKind.LargeRun, slab.RunLength > 0);
        Assert.Equal(slab.RunLength > 0, slab.Units.Span[0] is { Kind: UnitKind.LargeRun or UnitKind.Guarded, IsFirst: true } && slab.Kind == SuperSlabKind.LargeRun);
        return Math.Max(0, slab.RunLength - 1);
    }

    private static void AssertUnits(SuperSlabInfo slab)
    {
        ReadOnlySpan<UnitInfo> units = slab.Units.Span;
        int spanLeft = 0;
        for (int i = 0; i < units.Length; i++)
        {
            UnitInfo unit = units[i];
            bool isInSpan = unit.Kind == UnitKind.Span;
            bool isGuardedRun = slab.Kind == SuperSlabKind.LargeRun && units[0].Kind == UnitKind.Guarded;
            Assert.Equal(slab.Kind == SuperSlabKind.LargeRun, unit.Kind == (isGuardedRun ? UnitKind.Guarded : UnitKind.LargeRun));
            Assert.True(slab.Kind is SuperSlabKind.Spans or SuperSlabKind.LargeRun || unit.Kind is UnitKind.FreeClean or UnitKind.FreeDirty);
            if (isInSpan && spanLeft > 0)
            {
                Assert.Equal(units[i - 1] with { IsFirst = false }, unit);
                spanLeft--;
                continue;
            }

            Assert.Equal(0, spanLeft);
            if (isInSpan)
            {
                SizeClassInfo info = s_byBlockBytes[unit.BlockBytes];
                Assert.True(unit.IsFirst, "A span begins with its first unit.");
                Assert.Equal(info.BlocksPerSpan, unit.BlockCount);
                Assert.InRange(unit.BlocksOut, 0, unit.BlockCount);
                spanLeft = info.SpanUnits - 1;
            }
            else
            {
                Assert.Equal((0, 0, 0), (unit.BlockBytes, unit.BlockCount, unit.BlocksOut));
            }
        }

        Assert.Equal(0, spanLeft);
    }

    private static (long, long, long, long, long, long) FiguresOf(HakmemStatistics statistics) => (
        statistics.LiveBytes, statistics.CachedBytes, statistics.DirtyBytes, statistics.CommittedBytes, statistics.ReapedBlocks,
        statistics.SizeClasses.Sum(row => row.SpanBytes));

    // The units that the map says are held and the heap says are not its own, or the other way round.
    private static List<nuint> Misjudged(HakmemAllocator heap, SuperSlabInfo slab)
    {
        List<nuint> addresses = [];
        for (int i = 0; i < slab.Units.Length; i++)
        {
            bool isHeld = slab.Units.Span[i].Kind is not (UnitKind.FreeClean or UnitKind.FreeDirty);
            nuint address = slab.Address + ((nuint)i * HakmemHeapMap.UnitBytes);
            if (isHeld != heap.Owns((void*)address))
            {
                addresses.Add(address);
            }
        }

        return addresses;
    }
}
