using System;
using System.Collections.Generic;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// Adds up the small blocks of a heap, by size class: what spans have handed out, less what caches, depots and the
// quarantine hold.
//
//     cached + live <= handed out <= blocks of the spans of the class
//
// The three are read one after the other, so each is cut down to the next; the spans are read last.
internal sealed class SmallTotals(HeapParts heap) : KindTotals
{
    private readonly long[] _cached = new long[heap.Classes.Length];
    private readonly long[] _blocksOut = new long[heap.Classes.Length];
    private readonly int[] _spans = new int[heap.Classes.Length];
    private readonly SizeClassStatistics[] _rows = new SizeClassStatistics[SizeClass.Count];

    // A row for each size class that has spans, smallest first. After Finish.
    public List<SizeClassStatistics> Rows { get; } = [];

    // The exchanges of all depots so far, and those that had to wait. After ReadFree.
    public long Exchanges { get; private set; }

    public long ExchangeWaits { get; private set; }

    public override void ReadFree()
    {
        heap.Registry.CountBlocks(_cached);
        heap.Quarantine?.CountBlocks(_cached);
        for (int index = 0; index < heap.Classes.Length; index++)
        {
            (long blocksOut, long blocksHere, _) = heap.Depots.Find(index)?.Count() ?? default;
            _blocksOut[index] = blocksOut;
            _cached[index] += blocksHere;
            (long exchanges, long waits) = heap.Depots.Find(index)?.CountExchanges() ?? default;
            Exchanges += exchanges;
            ExchangeWaits += waits;
        }
    }

    // A span counts where its first unit's entry is, which its depot writes first and clears first.
    public override void CountUnit(DecodedEntry entry, bool isFirst) => _spans[entry.BinIndex] += isFirst ? 1 : 0;

    public override void Finish()
    {
        foreach (SizeClassInfo info in heap.Classes)
        {
            int spans = _spans[info.Index];
            long blocksOut = Math.Min(_blocksOut[info.Index], (long)spans * info.BlocksPerSpan);
            long cached = Math.Min(_cached[info.Index], blocksOut);
            long live = blocksOut - cached;
            LiveBlocks += live;
            LiveBytes += live * info.BlockBytes;
            CachedBytes += cached * info.BlockBytes;
            long spanBytes = (long)spans * info.SpanUnits << Geometry.UnitShift;
            SizeClassStatistics row = _rows[info.Class];
            _rows[info.Class] = new SizeClassStatistics(
                info.BlockBytes, row.LiveBlocks + live, row.CachedBlocks + cached, row.Spans + spans,
                row.SpanBytes + spanBytes);
        }

        foreach (SizeClassStatistics row in _rows)
        {
            if (row.Spans > 0)
            {
                Rows.Add(row);
            }
        }
    }
}
