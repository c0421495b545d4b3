using System.Collections.Generic;
using Hakmem.Tool.Answers;
using Spectre.Console;

namespace Hakmem.Tool.Display;

// The figures of heaps, and of a heap's size classes, as tables.
internal static class HeapTable
{
    public static FigureTable Of(IReadOnlyList<HeapAnswer> heaps)
    {
        FigureTable table = new(
            leading: 2, ">slot", "heap", ">live", ">blocks", ">cached", ">dirty", ">live/dirty", ">resident",
            ">committed", ">peak", ">limit", ">refused", ">threads");
        foreach (HeapAnswer heap in heaps)
        {
            table.AddRow(
                $"{heap.Slot}", heap.Name + (heap.IsFallback ? " (fallback)" : ""), Texts.Bytes(heap.LiveBytes),
                Texts.Count(heap.LiveBlocks), Texts.Bytes(heap.CachedBytes), Texts.Bytes(heap.DirtyBytes),
                Texts.Share(heap.LiveOverDirty), heap.ResidentBytes is { } bytes ? Texts.Bytes(bytes) : "",
                Texts.Bytes(heap.CommittedBytes), Texts.Bytes(heap.PeakCommittedBytes),
                heap.LimitBytes == 0 ? "" : Texts.Bytes(heap.LimitBytes), Texts.Count(heap.RefusedAllocations),
                Texts.Count(heap.ThreadCaches));
        }

        return table;
    }

    // By size class. What is live over what is dirty says how fragmented a class is.
    public static FigureTable OfClasses(HeapAnswer heap)
    {
        FigureTable table = new(
            leading: 1, $">blocks of heap {heap.Name}", ">live", ">live bytes", ">cached", ">spans", ">in spans",
            ">dirty", ">live/dirty");
        foreach (ClassAnswer row in heap.SizeClasses)
        {
            table.AddRow(
                Texts.Bytes(row.BlockBytes), Texts.Count(row.LiveBlocks), Texts.Bytes(row.LiveBytes),
                Texts.Count(row.CachedBlocks), Texts.Count(row.Spans), Texts.Bytes(row.SpanBytes),
                Texts.Bytes(row.DirtyBytes), Texts.Share(row.LiveOverDirty));
        }

        return table;
    }
}
