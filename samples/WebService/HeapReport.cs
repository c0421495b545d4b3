using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Hakmem.WebService;

// What the dashboard draws, of one moment. Sizes are bytes, times milliseconds.
internal sealed record HeapReport
{
    // A heap with more is drawn in part: a page is for looking at.
    private const int MaxSuperSlabs = 1_024;

    public required double AtMs { get; init; }

    public required long Rents { get; init; }

    public required long Requests { get; init; }

    public required bool IsLoaded { get; init; }

    public required HakmemStatistics Heap { get; init; }

    public required ManagedReport Managed { get; init; }

    public required RequestRegionReport Regions { get; init; }

    public required int SuperSlabCount { get; init; }

    public required IReadOnlyList<SuperSlabReport> SuperSlabs { get; init; }

    public static HeapReport Take(Rentals rentals, LoadGenerator load, RequestRegionSizes regions)
    {
        HakmemHeapMap map = rentals.Heap.GetHeapMap();
        return new HeapReport
        {
            AtMs = TimeSpan.FromTicks(DateTime.UtcNow.Ticks).TotalMilliseconds,
            Rents = rentals.Rents,
            Requests = rentals.Requests,
            IsLoaded = load.IsRunning,
            Heap = rentals.Heap.GetStatistics(),
            Managed = ManagedReport.Take(),
            Regions = regions.Report,
            SuperSlabCount = map.SuperSlabs.Count,
            SuperSlabs = [.. map.SuperSlabs.Take(MaxSuperSlabs).Select(Describe)],
        };
    }

    private static SuperSlabReport Describe(SuperSlabInfo slab)
    {
        UnitInfo[] units = slab.Units.ToArray();
        return new SuperSlabReport(
            string.Create(CultureInfo.InvariantCulture, $"0x{slab.Address:x}"),
            slab.Kind.ToString(),
            slab.RunLength,
            slab.DirtyBytes,
            [.. units.Select(unit => (int)unit.Kind)],
            [.. units.Select(unit => unit.IsFirst)],
            [.. units.Select(unit => unit.BlockBytes)],
            [.. units.Select(unit => unit.BlockCount)],
            [.. units.Select(unit => unit.BlocksOut)]);
    }
}
