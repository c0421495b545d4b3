using System;
using System.Collections.Generic;
using System.Numerics;
using System.Threading;
using Hakmem.Guarded;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// Adds up a heap's figures from the records that its layers keep anyway: nothing is counted per call. What callers hold is what the
// spans have given out less what lies in magazines.
//
// These records are under as many locks as there are size classes and more, and taking all of them at once would stop
// every thread's slow path. So they are read one after the other, and while threads are in the heap no two are of one
// moment: a block may be counted in a cache that has just come there, and not among those its span has given out. What
// is of one moment is what is read last, under the SuperSlab lock: which units there are and what each is taken by.
// Everything else is an estimate, and cut down to what these units can hold:
//
//     cached + live <= given out <= blocks of the class's spans               for each size class
//     live + quarantined of guarded blocks <= their ranges
//
// So no figure is negative, and all of them together fit into the SuperSlabs in use. While no other thread is in the
// heap nothing is cut, and all is exact.
//
// One object a reading, which the constructor allocates all memory for: nothing managed is allocated under a lock.
internal sealed unsafe class StatisticsCollector(Arena arena, SuperSlabCache superSlabs, RunAllocator runs, DepotSet depots, SizeClassInfo[] classes)
{
    private readonly long[] _blocksOut = new long[SizeClass.Count];
    private readonly int[] _spans = new int[SizeClass.Count];
    private GuardedFigures _guarded;
    private long _unitRunUnits;
    private long _unitRuns;
    private long _guardedUnits;
    private long _guardedRanges;
    private long _slabRunBytes;
    private long _slabRuns;
    private long _dirtyUnits;
    private long _committedBytes;
    private long _peakCommittedBytes;
    private long _purgedBytes;
    private long _purgeCalls;
    private int _ownedSlabs;
    private int _cachedSlabs;

    // By size class the free blocks that do not lie in spans or depots: in thread caches and in quarantine. The caller
    // counts them before Read.
    public long[] CachedBlocks { get; } = new long[SizeClass.Count];

    // Reads all else.
    public void Read(GuardedFigures guarded)
    {
        _guarded = guarded;
        for (int index = 0; index < classes.Length; index++)
        {
            (long blocksOut, long blocksHere, _) = depots.Find(index)?.Count() ?? default;
            _blocksOut[index] = blocksOut;
            CachedBlocks[index] += blocksHere;
        }

        using (superSlabs.SyncRoot.Enter())
        {
            ReadUnits();
            ReadTotals();
        }
    }

    public HakmemStatistics ToStatistics(int threadCaches, long reapedBlocks)
    {
        List<SizeClassStatistics> rows = [];
        long liveBlocks = 0;
        long liveBytes = 0;
        long cachedBytes = 0;
        foreach (SizeClassInfo info in classes)
        {
            int spans = _spans[info.Index];
            long blocksOut = Math.Min(_blocksOut[info.Index], (long)spans * info.BlocksPerSpan);
            long cached = Math.Min(CachedBlocks[info.Index], blocksOut);
            long live = blocksOut - cached;
            liveBlocks += live;
            liveBytes += live * info.BlockBytes;
            cachedBytes += cached * info.BlockBytes;
            if (spans > 0)
            {
                rows.Add(new SizeClassStatistics(info.BlockBytes, live, cached, spans, (long)spans * info.SpanUnits << Geometry.UnitShift));
            }
        }

        long rangeBytes = _guardedUnits << Geometry.UnitShift;
        long guardedBytes = Math.Min(_guarded.LiveBytes, rangeBytes);
        return new HakmemStatistics
        {
            LiveBytes = liveBytes + guardedBytes + (_unitRunUnits << Geometry.UnitShift) + _slabRunBytes,
            LiveBlocks = liveBlocks + Math.Min(_guarded.LiveBlocks, _guardedRanges) + _unitRuns + _slabRuns,
            CachedBytes = cachedBytes + Math.Min(_guarded.QuarantinedBytes, rangeBytes - guardedBytes),
            CommittedBytes = _committedBytes,
            PeakCommittedBytes = _peakCommittedBytes,
            ReservedBytes = arena.ReservedBytes,
            RecordBytes = arena.Metadata.HeldBytes,
            DirtyBytes = _dirtyUnits << Geometry.UnitShift,
            PurgedBytes = _purgedBytes,
            PurgeCalls = _purgeCalls,
            SuperSlabsInUse = _ownedSlabs - _cachedSlabs,
            SuperSlabsCached = _cachedSlabs,
            ReapedBlocks = reapedBlocks,
            ThreadCaches = threadCaches,
            SizeClasses = rows,
        };
    }

    private void ReadTotals()
    {
        _guardedUnits += (long)runs.GuardedSlabCount << Geometry.UnitsPerSlabShift;
        _guardedRanges += runs.GuardedRunCount;
        _slabRunBytes = ((long)runs.SlabCount << Geometry.SlabShift) - runs.OffsetBytes;
        _slabRuns = runs.RunCount;
        _committedBytes = superSlabs.CommittedBytes;
        _peakCommittedBytes = superSlabs.PeakCommittedBytes;
        _purgedBytes = superSlabs.PurgedBytes;
        _purgeCalls = superSlabs.PurgeCalls;
        _ownedSlabs = superSlabs.OwnedCount;
        _cachedSlabs = superSlabs.CachedCount;
    }

    private void ReadUnits()
    {
        for (int slab = superSlabs.NextOwned(0); slab >= 0; slab = superSlabs.NextOwned(slab + 1))
        {
            SuperSlabHeader* header = arena.Slab(slab);
            _dirtyUnits += BitOperations.PopCount(header->DirtyUnits);
            uint taken = header->State == SuperSlabState.Spans ? ~header->FreeUnits : 0;
            for (; taken != 0; taken &= taken - 1)
            {
                Count((slab << Geometry.UnitsPerSlabShift) + BitOperations.TrailingZeroCount(taken));
            }
        }
    }

    // A unit without an entry is being purged, or its span is just being entered or cleared: no block of it is out. A
    // span counts where its first unit's entry is, which is written first and cleared first, by its depot.
    private void Count(int unit)
    {
        DecodedEntry entry = PageMapEntry.Decode(Volatile.Read(ref *arena.EntryOf(unit)));
        int begins = entry.Address == (nuint)arena.AddressOfUnit(unit) ? 1 : 0;
        _ = entry.Kind switch
        {
            EntryKind.None => 0,
            EntryKind.Span => CountSpan(entry.SizeClass, begins),
            EntryKind.UnitRun => CountUnitRun(begins),
            EntryKind.Guarded => CountGuarded(begins),
        };
    }

    private int CountSpan(int sizeClass, int begins) => _spans[sizeClass] += begins;

    private long CountUnitRun(int begins)
    {
        _unitRunUnits++;
        return _unitRuns += begins;
    }

    private long CountGuarded(int begins)
    {
        _guardedUnits++;
        return _guardedRanges += begins;
    }
}
