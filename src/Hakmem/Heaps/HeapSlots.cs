using System.Diagnostics;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Heaps;

// The numbers that identify heaps in thread caches and page-map entries. Slot 0 belongs to the shared heap.
//
// A slot is returned after the heap's page-map entries, and its caches in all threads' tables, are gone. Reuse is
// delayed all the same, so that stale pointers of a disposed heap do not soon pass for another's: the slot that was
// free longest is reused first, and only while at least Rested slots are free. Until then slots that were never used
// are taken, the lowest first, because threads' tables extend to the highest one.
//
// Thread-safe.
internal sealed class HeapSlots
{
    // Limits a thread's table of one pointer a slot to 64 KiB.
    public const int Max = PageMapEntry.MaxHeapSlots;

    public const int Shared = 0;

    // The number of free slots before one is reused, while unused ones are left: 2 KiB of a thread's table.
    public const int Rested = 256;

    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock. A ring of the returned slots, the one free longest first; and the slots in use.
    private readonly ushort[] _free = new ushort[Max];
    private readonly bool[] _isTaken = new bool[Max];
    private int _first;
    private int _count;

    // The lowest slot that was never used.
    private int _unused = Shared + 1;

    public static HeapSlots Process { get; } = new();

    // Takes a free slot below a limit; -1 if there is none.
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
            Debug.Assert(_isTaken[slot], "A slot is returned once.");
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
