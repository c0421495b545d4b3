using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Hakmem.Records;

// The record of one SuperSlab, out of band. The lock of the heap that owns the SuperSlab guards all fields. State and
// HeapSlot are also read without it to judge an arbitrary address (Owns, error messages): the result is advice only,
// and for a live block it cannot change. The thread that has just taken a run reads StaleUnits without the lock.
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal struct SuperSlabHeader
{
    public const int Bytes = 64;

    private SuperSlabState _state;

    // The slot of the heap that owns the SuperSlab; meaningless in state Untaken.
    public int HeapSlot;

    // In state Spans: bit u is set when unit u is free.
    public uint FreeUnits;

    // Bit u is set when unit u may be other than zero: handed out since the SuperSlab was committed or last discarded.
    public uint DirtyUnits;

    // In the run states: the units that were dirty when the run was formed. A zeroed allocation clears them.
    public uint StaleUnits;

    // In the run states: the index of the run's first SuperSlab.
    public int RunHead;

    // In state RunHead: the SuperSlabs of the run, and the bytes between its start and the block's (see RunColor).
    public int RunSlabs;
    public int RunOffsetBytes;

    // Links of the list that contains the SuperSlab, if its state is Spans or Cached: indexes, -1 for none.
    public int Next;
    public int Previous;

    // When it last became empty, in milliseconds of the heap's clock.
    public long EmptySince;

    // Bit u is set when free unit u was decommitted by a purge: only where a discard decommits. Such units are zero
    // once they are committed again, before they are handed out. In state Untaken no bit is set.
    public uint UncommittedUnits;

    // In state RunHead: whether a thread holds the run (see LargeBlocks), or is still forming it.
    public bool IsHeld;

    public readonly SuperSlabState State => _state;

    // Follows one of the arrows that SuperSlabState lists.
    public void SetState(SuperSlabState from, SuperSlabState to)
    {
        Debug.Assert(_state == from, $"A SuperSlab in state {_state} is to go from {from} to {to}.");
        _state = to;
    }
}
