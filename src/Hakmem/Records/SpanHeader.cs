using System.Runtime.InteropServices;

namespace Hakmem.Records;

// The record of one span, out of band: one record per unit, and a span uses that of its first unit. The lock of the
// span's depot guards it. A unit run uses only FreeCount, UnitCount and IsHeld, guarded by the lock of the heap that
// owns the SuperSlab. Carved is also read without the lock, to tell whether a given block is known to be free.
//
//   blocks:   0 ............ Carved ............ BlockCount
//             handed out or    never handed
//             in the bitmap    out
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct SpanHeader
{
    public const int Bytes = 64;

    // Free blocks: those in the bitmap and those never handed out. Of a unit run that serves a small block which a
    // profiler has sampled: the size of that block; of any other unit run 0.
    public int FreeCount;

    // Blocks below this index have been handed out at least once. A set bit of the bitmap is a free block below it.
    public int Carved;

    // The number of units in the span or unit run.
    public int UnitCount;

    // No bitmap word before this one has a set bit: 0 .. 64.
    public byte FirstFreeWord;

    // Whether a unit of the span may have a bit in DiscardedPages or in PageAges.
    public bool HasPageMarks;

    // Of every unit of a span, not only the first, with a bit for each of its pages: the pages that were discarded and
    // on which no block was handed out since. Also read without the depot's lock, by statistics and the heap map.
    public ushort DiscardedPages;

    // Whether the span's memory was zero when the span was made: blocks from Carved on are then still zero.
    public bool IsFresh;

    // Of a unit run: whether a thread holds it (see LargeBlocks).
    public bool IsHeld;

    // The number of the depot's list that contains the span, if it has free blocks (see SpanSet).
    public byte Fill;

    // Whether the span is in the depot's queue of those that may have free pages (see SpanPages).
    public bool IsQueued;

    // Links of the depot's list of spans with free blocks: first units, -1 for none.
    public int Next;
    public int Previous;

    // When the pages in PageAges last grew older, in milliseconds of the heap's clock modulo 2^32.
    public uint AgedAt;

    // Of the range of a guarded block: its record, of a higher layer. Written before the range's page map entries and
    // cleared after them, under the lock of the heap that owns the SuperSlab; read under it, and by the fault handler.
    public void* Guard;

    // Of every unit, not only a span's first, and guarded by the lock of the heap that owns the SuperSlab: when the
    // unit was last freed, in milliseconds of the heap's clock.
    public long FreedAt;

    // Links of the depot's queue, like those of its list.
    public int QueueNext;
    public int QueuePrevious;

    // Of every unit of a span: four times a bit for each page, the youngest in the lowest 16 bits. A set bit is a page
    // that has been free for so long, and is not discarded.
    public ulong PageAges;
}
