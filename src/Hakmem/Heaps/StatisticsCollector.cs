using System;
using System.Diagnostics;
using System.Numerics;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// Computes a heap's statistics from the records that its layers keep anyway: no call counts anything. Live blocks are
// the blocks that spans have handed out, less those in magazines.
//
// More locks guard these records than there are size classes, and holding all at once would stop every thread's slow
// path. So they are read in sequence, and while threads use the heap they are of different moments: a block may count
// as cached, but not yet as handed out. The last step, under the SuperSlab lock, is of one moment: the units, and the
// kind of each. The kinds limit all other figures to what these units can hold (KindTotals), so that no figure is
// negative, and all together fit into the SuperSlabs in use. Without other threads in the heap nothing is limited, and
// the figures are exact.
//
// One object for each reading. The constructor allocates all memory, because none is allocated under a lock.
internal sealed unsafe class StatisticsCollector
{
    // Ticks of a TimeSpan to one of Stopwatch.
    private static readonly double s_timeSpanTicks = (double)TimeSpan.TicksPerSecond / Stopwatch.Frequency;

    private readonly Arena _arena;
    private readonly SuperSlabCache _superSlabs;
    private readonly BlockKinds _kinds;
    private readonly KindTotals[] _totals;
    private long _dirtyBytes;
    private long _uncommittedUnits;
    private long _committedBytes;
    private long _peakCommittedBytes;
    private long _purgedBytes;
    private long _purgeCalls;
    private int _ownedSlabs;
    private int _cachedSlabs;

    public StatisticsCollector(Arena arena, SuperSlabCache superSlabs, BlockKinds kinds)
    {
        _arena = arena;
        _superSlabs = superSlabs;
        _kinds = kinds;
        _totals = new KindTotals[kinds.All.Length];
        for (int i = 0; i < _totals.Length; i++)
        {
            _totals[i] = kinds.All[i].NewTotals();
        }
    }

    // Reads all records. Under the decay's lock.
    public void Read()
    {
        foreach (KindTotals totals in _totals)
        {
            totals.ReadFree();
        }

        using (_superSlabs.SyncRoot.Enter())
        {
            for (int slab = _superSlabs.NextOwned(0); slab >= 0; slab = _superSlabs.NextOwned(slab + 1))
            {
                ReadUnits(slab);
            }

            foreach (KindTotals totals in _totals)
            {
                totals.ReadUnits();
            }

            _committedBytes = _superSlabs.CommittedBytes;
            _peakCommittedBytes = _superSlabs.PeakCommittedBytes;
            _purgedBytes = _superSlabs.PurgedBytes;
            _purgeCalls = _superSlabs.PurgeCalls;
            _ownedSlabs = _superSlabs.OwnedCount;
            _cachedSlabs = _superSlabs.CachedCount;
        }
    }

    public HakmemStatistics ToStatistics()
    {
        long liveBlocks = 0;
        long liveBytes = 0;
        long cachedBytes = 0;
        long uncommittedBytes = _uncommittedUnits << Geometry.UnitShift;
        SmallTotals? small = null;
        foreach (KindTotals totals in _totals)
        {
            totals.Finish();
            liveBlocks += totals.LiveBlocks;
            liveBytes += totals.LiveBytes;
            cachedBytes += totals.CachedBytes;
            uncommittedBytes += totals.UncommittedBytes;
            small = totals as SmallTotals ?? small;
        }

        OsCallFigures calls = _arena.Os.CallFigures;
        return new HakmemStatistics
        {
            LiveBytes = liveBytes,
            LiveBlocks = liveBlocks,
            CachedBytes = cachedBytes,
            CommittedBytes = _committedBytes - uncommittedBytes,
            PeakCommittedBytes = _peakCommittedBytes,
            ReservedBytes = _arena.ReservedBytes,
            RecordBytes = _arena.Metadata.HeldBytes,
            TableBytes = _arena.TableBytesCharged,
            DirtyBytes = _dirtyBytes,
            PurgedBytes = _purgedBytes,
            PurgeCalls = _purgeCalls,
            SystemCalls = calls.Count,
            SystemCallTime = new TimeSpan((long)(calls.Ticks * s_timeSpanTicks)),
            SuperSlabsInUse = _ownedSlabs - _cachedSlabs,
            SuperSlabsCached = _cachedSlabs,
            DepotExchanges = small?.Exchanges ?? 0,
            DepotWaits = small?.ExchangeWaits ?? 0,
            SizeClasses = small is null ? [] : small.Rows,
        };
    }

    // A taken unit without an entry is being purged, or its span is being opened or closed: no caller has a block of
    // it.
    private void ReadUnits(int slab)
    {
        SuperSlabHeader* header = _arena.Slab(slab);
        _dirtyBytes += DirtyMemory.BytesOf(_arena, slab);
        _uncommittedUnits += BitOperations.PopCount(header->UncommittedUnits);
        uint taken = header->State == SuperSlabState.Spans ? ~header->FreeUnits : 0;
        for (; taken != 0; taken &= taken - 1)
        {
            int unit = (slab << Geometry.UnitsPerSlabShift) + BitOperations.TrailingZeroCount(taken);
            DecodedEntry entry = PageMapEntry.Decode(Volatile.Read(ref *_arena.EntryOf(unit)));
            _totals[(int)entry.Kind].CountUnit(entry, isFirst: entry.Address == (nuint)_arena.AddressOfUnit(unit));
        }
    }
}
