using Hakmem.Os;

namespace Hakmem.Profiling;

// The numbers of stacks by the hashes of their return addresses. It only saves work: a stack that is not in it is
// resolved again, and gets the same number by its text. So it is emptied when it is half full and may not grow.
// Not thread-safe: the sampler's lock guards it.
internal sealed unsafe class HashNumbers(OsMemory os)
{
    private const int InitialSlots = 1 << 11;
    private const int MaxSlots = 1 << 17;

    private OutOfBandArray<HashNumber> _slots;
    private int _count;

    public bool TryPrepare() => _slots.Items != null || TryResize(InitialSlots);

    // Returns StackTable.None for an unknown hash.
    public int Find(ulong hash) => _slots.Items == null ? StackTable.None : SlotOf(hash)->Number;

    public void Add(ulong hash, int number)
    {
        if (number == StackTable.None)
        {
            return;
        }

        if ((_count + 1) * 2 > _slots.Length && (_slots.Length >= MaxSlots || !TryResize(_slots.Length * 2)))
        {
            for (int i = 0; i < _slots.Length; i++)
            {
                _slots.Items[i] = default;
            }

            _count = 0;
        }

        HashNumber* slot = SlotOf(hash);
        _count += slot->Number == StackTable.None ? 1 : 0;
        *slot = new HashNumber { Hash = hash, Number = number };
    }

    public void Release() => _slots.Release(os);

    private HashNumber* SlotOf(ulong hash)
    {
        int mask = _slots.Length - 1;
        int at = (int)hash & mask;
        while (_slots.Items[at].Number != StackTable.None && _slots.Items[at].Hash != hash)
        {
            at = (at + 1) & mask;
        }

        return _slots.Items + at;
    }

    private bool TryResize(int length)
    {
        if (!OutOfBandArray<HashNumber>.TryCreate(os, length, out OutOfBandArray<HashNumber> slots))
        {
            return false;
        }

        OutOfBandArray<HashNumber> old = _slots;
        _slots = slots;
        for (int i = 0; i < old.Length; i++)
        {
            if (old.Items[i].Number != StackTable.None)
            {
                *SlotOf(old.Items[i].Hash) = old.Items[i];
            }
        }

        old.Release(os);
        return true;
    }
}

// A number of a stack; StackTable.None in a free slot.
internal struct HashNumber
{
    public ulong Hash;
    public int Number;
}
