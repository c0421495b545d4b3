using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Heaps;

// The numbers by which thread caches and page map entries name heaps. Slot 0 is the shared heap's.
//
// A heap's slot is returned after everything of it is gone: its page map entries, and its caches from all threads'
// tables. Even so the slot that has been free longest is handed out, and only when Rested others are free as well, so
// that what a program has kept of a disposed heap by mistake does not soon pass for another's. Slots that were never
// used come first until then, the lowest first: threads' tables reach as far as the highest one.
//
// Thread-safe.
internal sealed class HeapSlots
{
    // What a table of one pointer for each slot may take in a thread's records: 64 KiB.
    public const int Max = PageMapEntry.MaxHeapSlots;

    public const int Shared = 0;

    // How many slots are free before one of them is used again, as long as there are others: 2 KiB of a thread's table.
    public const int Rested = 256;

    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock. The free slots that have been used before, the one free longest first, in a ring;
    // and which slots are taken.
    private readonly ushort[] _free = new ushort[Max];
    private readonly bool[] _isTaken = new bool[Max];
    private int _first;
    private int _count;

    // The lowest slot that was never used.
    private int _unused = Shared + 1;

    public static HeapSlots Process { get; } = new();

    // A free slot below the given limit, or -1 if there are too many heaps.
    public int TryTake(int limit = Max)
    {
        using (_lock.Enter())
        {
            int slot = -1;
            if (_unused < limit && _count < Rested)
            {
                slot = _unused++;
            }
            else if (_count > 0 && _free[_first] < limit)
            {
                slot = _free[_first];
                _first = (_first + 1) % Max;
                _count--;
            }

            if (slot >= 0)
            {
                _isTaken[slot] = true;
            }

            return slot;
        }
    }

    public void Return(int slot)
    {
        using (_lock.Enter())
        {
            _isTaken[slot] = false;
            _free[(_first + _count++) % Max] = (ushort)slot;
        }
    }

    public bool IsTaken(int slot)
    {
        using (_lock.Enter())
        {
            return _isTaken[slot];
        }
    }
}
