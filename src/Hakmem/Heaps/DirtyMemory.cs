using System.Numerics;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Heaps;

// The bytes of a SuperSlab that may have physical pages, for statistics and the heap map.
internal static unsafe class DirtyMemory
{
    // Dirty units, less the pages that were discarded in spans. Under the SuperSlab lock, which keeps the units; pages
    // are discarded and handed out under depots' locks, so that without other threads in the heap the figure is exact.
    public static long BytesOf(Arena arena, int slab)
    {
        SuperSlabHeader* header = arena.Slab(slab);
        long bytes = (long)BitOperations.PopCount(header->DirtyUnits) << Geometry.UnitShift;
        uint taken = header->State == SuperSlabState.Spans ? header->DirtyUnits & ~header->FreeUnits : 0;
        for (; taken != 0; taken &= taken - 1)
        {
            // Only a span's units have these marks. Its entries are written after an earlier span's marks are cleared.
            int unit = (slab << Geometry.UnitsPerSlabShift) + BitOperations.TrailingZeroCount(taken);
            if (PageMapEntry.Decode(Volatile.Read(ref *arena.EntryOf(unit))).Kind == EntryKind.Span)
            {
                bytes -= Geometry.UnitBytes - BytesOfSpanUnit(arena, unit);
            }
        }

        return bytes;
    }

    // The same for one dirty unit of a span.
    public static long BytesOfSpanUnit(Arena arena, int unit)
    {
        uint discarded = Volatile.Read(ref arena.Span(unit)->DiscardedPages);
        return Geometry.UnitBytes - (BitOperations.PopCount(discarded) * (long)arena.Os.PageSize);
    }
}
