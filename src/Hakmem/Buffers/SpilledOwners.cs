using System;
using Hakmem.Os;

namespace Hakmem;

// A pool's idle owners that no thread has in its ring, last in, first out. As many as were ever out at a time, at most.
//
// Thread-safe, by a lock of its own. A longer array is made outside of it, since an allocation of managed memory may
// fail: an owner is either in a ring or here.
internal sealed class SpilledOwners<T>
{
    private const int FirstLength = 64;

    private readonly UninterruptibleLock _lock = new();

    // Guarded by the lock. Null until there are any: most pools never have one.
    private NativeMemoryOwner<T>?[]? _owners;
    private int _count;

    public int Count
    {
        get
        {
            using (_lock.Enter())
            {
                return _count;
            }
        }
    }

    // Takes owners over from places of a ring, from a position on; they are no longer in the ring then. False if there
    // is no memory for a longer list, and then nothing has happened.
    public bool TryPut(RentalShard<T>.Place[] ring, uint from, int count)
    {
        for (NativeMemoryOwner<T>?[]? longer = null; ;)
        {
            int needed;
            using (_lock.Enter())
            {
                needed = _count + count;
                if (longer?.Length >= needed)
                {
                    _owners?.AsSpan(0, _count).CopyTo(longer);
                    _owners = longer;
                }

                if (_owners?.Length >= needed)
                {
                    Put(_owners, ring, from, count);
                    return true;
                }
            }

            longer = TryMake(needed);
            if (longer is null)
            {
                return false;
            }
        }
    }

    // Takes the last one, and puts up to so many others in front of a position of a ring; null if there is none. How
    // many those are is told.
    public NativeMemoryOwner<T>? TryTake(RentalShard<T>.Place[] ring, uint before, int most, out int more)
    {
        using (_lock.Enter())
        {
            more = Math.Min(_count - 1, most);
            if (_count == 0)
            {
                more = 0;
                return null;
            }

            NativeMemoryOwner<T>? first = Pop();
            for (uint i = 1; i <= more; i++)
            {
                ring[(before - i) % (uint)ring.Length].Owner = Pop();
            }

            return first;
        }
    }

    private static NativeMemoryOwner<T>?[]? TryMake(int needed)
    {
        try
        {
            return new NativeMemoryOwner<T>?[Math.Max(FirstLength, 2 * needed)];
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    private void Put(NativeMemoryOwner<T>?[] owners, RentalShard<T>.Place[] ring, uint from, int count)
    {
        for (uint i = 0; i < count; i++)
        {
            ref NativeMemoryOwner<T>? place = ref ring[(from + i) % (uint)ring.Length].Owner;
            owners[_count++] = place;
            place = null;
        }
    }

    private NativeMemoryOwner<T>? Pop()
    {
        NativeMemoryOwner<T>? owner = _owners![--_count];
        _owners[_count] = null;
        return owner;
    }
}
