using System.Collections.Generic;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Pages;

namespace Hakmem.Reports;

// What all heaps of this process say of themselves, and where their memory is. Creates no arena: a process without
// heaps has none. Heaps of NativeMemory (fallbacks) are malloc's.
internal sealed unsafe class HakmemFigures
{
    private readonly List<AddressRange> _ranges = [];

    public long LiveBytes { get; private set; }

    public long LiveBlocks { get; private set; }

    public long CachedBytes { get; private set; }

    public long DirtyBytes { get; private set; }

    public long RecordBytes { get; private set; }

    public int HeapCount { get; private set; }

    public IReadOnlyList<AddressRange> Ranges => _ranges;

    public static HakmemFigures Read()
    {
        HakmemFigures figures = new();
        Arena? arena = null;
        foreach (Heap heap in Heap.ReadAll())
        {
            if (heap.TryGetStatistics() is { } statistics)
            {
                figures.HeapCount++;
                figures.LiveBytes += statistics.LiveBytes;
                figures.LiveBlocks += statistics.LiveBlocks;
                figures.CachedBytes += statistics.CachedBytes;
                figures.DirtyBytes += statistics.DirtyBytes;
                figures.RecordBytes = statistics.RecordBytes + statistics.TableBytes;
                arena = heap.Arena;
            }
        }

        if (arena is not null)
        {
            figures.AddRanges(arena);
        }

        return figures;
    }

    private void AddRanges(Arena arena)
    {
        nuint start = (nuint)arena.Base;
        _ranges.Add(new AddressRange((nuint)arena.TablesStart, start, ResidentKind.HakmemRecords));
        _ranges.Add(new AddressRange(start, start + (nuint)arena.ReservedBytes, ResidentKind.HakmemBlocks));
        _ranges.AddRange(arena.Metadata.ReadRanges());
        arena.AddBlockTables(_ranges);
    }
}
