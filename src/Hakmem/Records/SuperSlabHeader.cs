using System.Runtime.InteropServices;

namespace Hakmem.Records;

// What is known of one SuperSlab, out of band. All fields are guarded by the lock of the heap that has the SuperSlab, except that
// State and HeapSlot are also read without it to judge an arbitrary address (Owns, error messages): such a reading is
// advice only, and for a live block it cannot change. StaleUnits is read by the thread that has just taken the run.
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal struct SuperSlabHeader
{
    public const int Bytes = 64;

    public SuperSlabState State;

    // The slot of the heap that has the SuperSlab; meaningless in state Untaken.
    public int HeapSlot;

    // In state Spans: bit u is set when unit u is free.
    public uint FreeUnits;

    // Bit u is set when unit u may hold something other than zeros: handed out since the SuperSlab was committed or last discarded.
    public uint DirtyUnits;

    // In the run states: the units that were dirty when the run was formed, which a zeroed allocation has to clear.
    public uint StaleUnits;

    // In the run states: the index of the run's first SuperSlab.
    public int RunHead;

    // In state RunHead: how many SuperSlabs the run has, and how many bytes behind its start the block begins (see RunColor).
    public int RunSlabs;
    public int RunOffsetBytes;

    // The list the SuperSlab is in (by state: bucket of its longest free run, or empty ones by age): indexes, -1 for none.
    public int Next;
    public int Previous;

    // When it last became empty, in milliseconds of the heap's clock.
    public long EmptySince;

    // In state RunHead: whether a thread has a hold of the run (see LargeBlocks), or is still making it.
    public bool IsHeld;
}
