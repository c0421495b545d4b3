using System.Runtime.InteropServices;

namespace Hakmem.Records;

// What is known of one span, out of band: one record per unit, of which a span uses that of its first unit. Guarded by
// the lock of the depot whose class the span is of; for a run of units, only UnitCount and IsHeld are used, under the
// lock of the heap that has the SuperSlab. Carved is also read without the lock, to tell whether a block that somebody
// hands in is known to be free.
//
//   blocks:   0 ............ Carved ............ BlockCount
//             handed out or    never handed
//             in the bitmap    out
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct SpanHeader
{
    public const int Bytes = 64;

    // Free blocks: those in the bitmap and those never handed out.
    public int FreeCount;

    // Blocks below this index have been handed out at least once. A set bit of the bitmap is a free block below it.
    public int Carved;

    // No set bit is in a bitmap word before this one.
    public int FirstFreeWord;

    // How many units the span or run of units has.
    public int UnitCount;

    // Whether the span's memory was zero when the span was made: then blocks from Carved on still are.
    public bool IsFresh;

    // Of a run of units: whether a thread has a hold of it (see LargeBlocks).
    public bool IsHeld;

    // The depot's list of spans with free blocks: first units, -1 for none.
    public int Next;
    public int Previous;

    // Of a range with a guarded block: its record, in the layer above that makes them. Written with the range's page
    // map entries, before they are (and cleared after), under the lock of the heap that has the SuperSlab; read under
    // it, and by the report of a fault.
    public void* Guard;

    // Of each unit, not only a span's first, and guarded by the lock of the heap that has the SuperSlab: when the unit was last freed, in
    // milliseconds of the heap's clock.
    public long FreedAt;
}
