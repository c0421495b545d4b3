using System.Diagnostics;
using Hakmem.Os;

namespace Hakmem.Profiling;

// The live samples, by the addresses of their blocks: open addressing with linear probing, at most half full, doubled
// as needed up to MaxSamples. Not thread-safe: the sampler's lock guards it.
internal sealed unsafe class SampleTable(OsMemory os)
{
    // The most live samples: 32 MiB of records, for 64 GiB of blocks.
    public const int MaxSamples = 1 << 20;

    private const int InitialSlots = 1 << 12;
    private const ulong Factor = 0x9E37_79B9_7F4A_7C15;

    private OutOfBandArray<Sample> _slots;
    private int _mask;

    public int Count { get; private set; }

    // Allocates the first slots. False if the system refuses.
    public bool TryPrepare() => _slots.Items != null || TryResize(InitialSlots);

    // Adds a sample, in place of one of the same address. False if there is no room.
    public bool TryAdd(Sample sample)
    {
        Debug.Assert(sample.Address != 0, "Zero marks a free slot.");
        if (_slots.Items == null ||
            ((Count + 1) * 2L > _slots.Length && (Count >= MaxSamples || !TryResize(_slots.Length * 2))))
        {
            return false;
        }

        Sample* slot = Find(sample.Address);
        Count += slot->Address == 0 ? 1 : 0;
        *slot = sample;
        return true;
    }

    // Removes the sample of an address. False if there is none.
    public bool TryRemove(nuint address, out Sample sample)
    {
        sample = default;
        if (_slots.Items == null)
        {
            return false;
        }

        Sample* gap = Find(address);
        sample = *gap;
        if (sample.Address == 0)
        {
            return false;
        }

        // Moves those behind that would no longer be found (Knuth, TAOCP 3, 6.4, algorithm R).
        int at = (int)(gap - _slots.Items);
        int free = at;
        while (true)
        {
            at = (at + 1) & _mask;
            Sample next = _slots.Items[at];
            if (next.Address == 0)
            {
                break;
            }

            if (((at - PlaceOf(next.Address)) & _mask) >= ((at - free) & _mask))
            {
                _slots.Items[free] = next;
                free = at;
            }
        }

        _slots.Items[free] = default;
        Count--;
        return true;
    }

    // Adds the figures of each stack's samples that are at least so old; the index is the stack's number.
    public void AddAges(SampleAge[] ages, uint now, uint minAge)
    {
        for (int i = 0; i < _slots.Length; i++)
        {
            Sample sample = _slots.Items[i];
            uint age = now - sample.BornAt;
            if (sample.Address != 0 && sample.Stack < ages.Length)
            {
                ages[sample.Stack].Add(sample, age, isOld: age >= minAge);
            }
        }
    }

    public void Clear()
    {
        for (int i = 0; i < _slots.Length; i++)
        {
            _slots.Items[i] = default;
        }

        Count = 0;
    }

    public void Release()
    {
        _slots.Release(os);
        Count = 0;
    }

    // The slot of an address, or the free one for it.
    private Sample* Find(nuint address)
    {
        int at = PlaceOf(address);
        while (_slots.Items[at].Address != 0 && _slots.Items[at].Address != address)
        {
            at = (at + 1) & _mask;
        }

        return _slots.Items + at;
    }

    private int PlaceOf(nuint address) => (int)((address * Factor) >> 32) & _mask;

    private bool TryResize(int length)
    {
        if (!OutOfBandArray<Sample>.TryCreate(os, length, out OutOfBandArray<Sample> slots))
        {
            return false;
        }

        OutOfBandArray<Sample> old = _slots;
        _slots = slots;
        _mask = length - 1;
        for (int i = 0; i < old.Length; i++)
        {
            if (old.Items[i].Address != 0)
            {
                *Find(old.Items[i].Address) = old.Items[i];
            }
        }

        old.Release(os);
        return true;
    }
}

// One live sampled block: the bytes requested, how many allocations it stands for, and the number of its stack.
internal struct Sample
{
    public nuint Address;
    public nuint Bytes;
    public double Weight;
    public int Stack;

    // When the block was allocated: see SampleAge.
    public uint BornAt;
}
