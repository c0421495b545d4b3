using System.Collections.Generic;
using System.Numerics;
using Hakmem.Arenas;
using Hakmem.Depots;
using Hakmem.Hardening;
using Hakmem.Os;
using Hakmem.SizeClasses;
using Hakmem.Spans;

namespace Hakmem.Diagnostics;

// Adds up a heap's figures from the records that its layers keep anyway: nothing is counted per call. What callers hold is what the
// spans have given out less what lies in magazines.
internal static unsafe class HeapCensus
{
    // cachedBlocks has the number of blocks in thread caches and in quarantine by size class.
    public static HakmemStatistics Take(
        Arena arena,
        SuperSlabCache superSlabs,
        RunAllocator runs,
        DepotSet depots,
        SizeClassInfo[] classes,
        long[] cachedBlocks,
        int threadCaches,
        GuardedFigures guarded)
    {
        var rows = new List<SizeClassStatistics>();
        long liveBlocks = 0;
        long liveBytes = 0;
        long cachedBytes = 0;
        foreach (SizeClassInfo info in classes)
        {
            (long blocksOut, long blocksHere, int spans) = depots.Find(info.Index)?.Count() ?? default;
            long cached = cachedBlocks[info.Index] + blocksHere;
            long live = blocksOut - cached;
            liveBlocks += live;
            liveBytes += live * info.BlockBytes;
            cachedBytes += cached * info.BlockBytes;
            if (spans > 0)
            {
                rows.Add(new SizeClassStatistics(
                    info.BlockBytes, live, cached, spans, (long)spans * info.SpanUnits << Geometry.UnitShift));
            }
        }

        using (superSlabs.SyncRoot.Enter())
        {
            return new HakmemStatistics
            {
                LiveBytes = liveBytes + guarded.LiveBytes + ((long)(runs.SlabCount - guarded.RunSlabs) << Geometry.SlabShift) - runs.OffsetBytes +
                    UnitRuns(arena, superSlabs, out int unitRuns),
                LiveBlocks = liveBlocks + guarded.LiveBlocks + (runs.RunCount - guarded.SlabRuns) + unitRuns,
                CachedBytes = cachedBytes + guarded.QuarantinedBytes,
                CommittedBytes = superSlabs.CommittedBytes,
                PeakCommittedBytes = superSlabs.PeakCommittedBytes,
                ReservedBytes = arena.ReservedBytes,
                RecordBytes = arena.Metadata.HeldBytes,
                DirtyBytes = DirtyBytes(arena, superSlabs),
                PurgedBytes = superSlabs.PurgedBytes,
                PurgeCalls = superSlabs.PurgeCalls,
                SuperSlabsInUse = superSlabs.OwnedCount - superSlabs.CachedCount,
                SuperSlabsCached = superSlabs.CachedCount,
                ThreadCaches = threadCaches,
                SizeClasses = rows,
            };
        }
    }

    private static long DirtyBytes(Arena arena, SuperSlabCache superSlabs)
    {
        long units = 0;
        for (int slab = superSlabs.NextOwned(0); slab >= 0; slab = superSlabs.NextOwned(slab + 1))
        {
            units += BitOperations.PopCount(arena.Slab(slab)->DirtyUnits);
        }

        return units << Geometry.UnitShift;
    }

    private static long UnitRuns(Arena arena, SuperSlabCache superSlabs, out int count)
    {
        count = 0;
        long bytes = 0;
        for (int slab = superSlabs.NextOwned(0); slab >= 0; slab = superSlabs.NextOwned(slab + 1))
        {
            int first = slab << Geometry.UnitsPerSlabShift;
            for (int unit = first; unit < first + Geometry.UnitsPerSlab; unit++)
            {
                ulong entry = *arena.EntryOf(unit);
                if (entry != 0 && PageMapEntry.IsUnitRun(entry))
                {
                    bytes += Geometry.UnitBytes;
                    count += PageMapEntry.AddressOf(entry) == (nuint)arena.AddressOfUnit(unit) ? 1 : 0;
                }
            }
        }

        return bytes;
    }
}
