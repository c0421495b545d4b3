using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Hakmem.Inspection;

// The statistics and the map of one heap in JSON. A heap that is disposed meanwhile has its name only.
internal static class HeapJson
{
    public static void WriteName(JsonText json, InspectedHeap heap)
    {
        json.Name("slot").Number(heap.Slot);
        json.Name("name").Text(heap.Name);
    }

    public static void WriteStatistics(JsonText json, InspectedHeap heap) => json.Object(() =>
    {
        WriteName(json, heap);
        if (heap.Allocator.TryGetStatistics() is { } statistics)
        {
            WriteFigures(json, statistics);
            if (heap.Allocator.TryMeasureResidentBytes() is { } resident)
            {
                json.Name("residentBytes").Number(resident);
            }

            WriteTags(json, statistics);
            WriteClasses(json, heap, statistics);
        }
    });

    // A SuperSlab is an array: its address in hexadecimal, kind, length of the run that begins there, dirty bytes, and
    // its units. These are a text of groups with blanks between them:
    // `count*kind:isFirst:blockBytes:blockCount:blocksOut`,
    // where the last three are left out if they are zero.
    public static void WriteMap(JsonText json, InspectedHeap heap) => json.Object(() =>
    {
        WriteName(json, heap);
        json.Name("superSlabBytes").Number(HakmemHeapMap.SuperSlabBytes);
        json.Name("unitBytes").Number(HakmemHeapMap.UnitBytes);
        IReadOnlyList<SuperSlabInfo> slabs = heap.Allocator.TryGetHeapMap()?.SuperSlabs ?? [];
        json.Name("superSlabs").Array(slabs, slab =>
        {
            string address = ((ulong)slab.Address).ToString("x", CultureInfo.InvariantCulture);
            json.Array([0], _ => json.Text(address).Number((int)slab.Kind).Number(slab.RunLength)
                .Number(slab.DirtyBytes).Text(TextOf(slab.Units.Span)));
        });
        if (heap.Allocator.TryGetStatistics() is { } statistics)
        {
            WriteFigures(json, statistics);
            WriteClasses(json, heap, statistics);
        }
    });

    private static void WriteFigures(JsonText json, HakmemStatistics statistics)
    {
        json.Name("isFallback").Truth(statistics.IsFallback);
        foreach ((string name, long value) in FiguresOf(statistics))
        {
            json.Name(name).Number(value);
        }

        json.Name("systemCallTimeMs").Number(statistics.SystemCallTime.TotalMilliseconds);
        json.Name("lastDecayFailure").Text(statistics.LastDecayFailure?.ToString() ?? "");
        json.Name("lastCallbackFailure").Text(statistics.LastCallbackFailure?.ToString() ?? "");
    }

    private static (string Name, long Value)[] FiguresOf(HakmemStatistics statistics) =>
    [
        ("liveBytes", statistics.LiveBytes),
        ("liveBlocks", statistics.LiveBlocks),
        ("cachedBytes", statistics.CachedBytes),
        ("committedBytes", statistics.CommittedBytes),
        ("peakCommittedBytes", statistics.PeakCommittedBytes),
        ("limitBytes", statistics.LimitBytes),
        ("reservedBytes", statistics.ReservedBytes),
        ("dirtyBytes", statistics.DirtyBytes),
        ("recordBytes", statistics.RecordBytes),
        ("tableBytes", statistics.TableBytes),
        ("purgedBytes", statistics.PurgedBytes),
        ("purgeCalls", statistics.PurgeCalls),
        ("systemCalls", statistics.SystemCalls),
        ("depotExchanges", statistics.DepotExchanges),
        ("depotWaits", statistics.DepotWaits),
        ("corruptionReports", statistics.CorruptionReports),
        ("sampledBlocks", statistics.SampledBlocks),
        ("allocatedBlocks", statistics.AllocatedBlocks),
        ("allocatedBytes", statistics.AllocatedBytes),
        ("freedBlocks", statistics.FreedBlocks),
        ("freedBytes", statistics.FreedBytes),
        ("reapedBlocks", statistics.ReapedBlocks),
        ("refusedAllocations", statistics.RefusedAllocations),
        ("failedDecayPasses", statistics.FailedDecayPasses),
        ("failedCallbacks", statistics.FailedCallbacks),
        ("superSlabsInUse", statistics.SuperSlabsInUse),
        ("superSlabsCached", statistics.SuperSlabsCached),
        ("threadCaches", statistics.ThreadCaches),
    ];

    private static void WriteTags(JsonText json, HakmemStatistics statistics) =>
        json.Name("tags").Array(statistics.Tags, tag => json.Object(() =>
        {
            json.Name("path").Text(tag.Path);
            json.Name("liveBytes").Number(tag.LiveBytes);
            json.Name("peakBytes").Number(tag.PeakBytes);
            json.Name("refusedCount").Number(tag.RefusedCount);
        }));

    // The dirty bytes are read after the other figures; of a class without a span there are none.
    private static void WriteClasses(JsonText json, InspectedHeap heap, HakmemStatistics statistics)
    {
        SortedDictionary<long, long> dirty = heap.Allocator.ReadDirtyBytes();
        json.Name("sizeClasses").Array(statistics.SizeClasses, row => json.Object(() =>
        {
            json.Name("blockBytes").Number(row.BlockBytes);
            json.Name("liveBlocks").Number(row.LiveBlocks);
            json.Name("cachedBlocks").Number(row.CachedBlocks);
            json.Name("spans").Number(row.Spans);
            json.Name("spanBytes").Number(row.SpanBytes);
            json.Name("dirtyBytes").Number(dirty.TryGetValue(row.BlockBytes, out long bytes) ? bytes : 0);
        }));
    }

    private static string TextOf(ReadOnlySpan<UnitInfo> units)
    {
        StringBuilder text = new();
        int at = 0;
        while (at < units.Length)
        {
            UnitInfo unit = units[at];
            int count = 1;
            while (at + count < units.Length && units[at + count] == unit)
            {
                count++;
            }

            text.Append(at == 0 ? "" : " ").Append(CultureInfo.InvariantCulture, $"{count}*{(int)unit.Kind}");
            text.Append(unit.IsFirst ? ":1" : ":0");
            if (unit.BlockBytes != 0)
            {
                text.Append(CultureInfo.InvariantCulture, $":{unit.BlockBytes}:{unit.BlockCount}:{unit.BlocksOut}");
            }

            at += count;
        }

        return text.ToString();
    }
}
