using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem;

// One thread's part of a pool: its share of the figures, and the owners that lie idle until they are used again.
//
// A counter that all threads write would cost each rental two interlocked operations on a line that processors fight over. Here a
// thread adds to its own, rentals on one thread and returns on another included (a single shard's figures may be negative; the sum
// is right).
//
// A shard belongs to a thread's cache of the shared heap, and goes with it: when a thread has ended, the next that takes over its cache has its
// shard too, figures and owners included, and what the dead thread wrote last is visible to it (see ThreadCacheRegistry). That cache is the one
// thing a thread looks up; in a pool over the shared heap it is also where the blocks come from.
//
// Idle owners wait in a ring, first in, first out, and none leaves before QuarantineCount others have come in behind it. That is what
// makes a second disposal harmless for a while, and it is why this is not a stack.
internal sealed class RentalShard<T>(RentalBook<T> book)
{
    private const int QuarantineCount = 16;
    private const int RingSize = 64;

    // How many move between a ring and the pool under one lock: a ring at the quarantine has room for them, a full one keeps more than that.
    private const int BatchSize = 24;

    // Written by the shard's thread, read by anyone who adds figures up: words, so never torn, and recent.
    private long _rentedCount;
    private long _rentedBytes;

    // The shard's thread only. Null where owners are not used again. Positions count up for ever; their low bits are the place in the ring.
    private readonly Place[]? _ring = book.IsRecycling ? new Place[RingSize] : null;
    private uint _taken;
    private uint _put;

    public long RentedCount => Volatile.Read(ref _rentedCount);

    public long RentedBytes => Volatile.Read(ref _rentedBytes);

    // Counts a rental.
    public void AddRental(long bytes)
    {
        _rentedCount++;
        _rentedBytes += bytes;
    }

    // Counts a return.
    public void AddReturn(long bytes)
    {
        _rentedCount--;
        _rentedBytes -= bytes;
    }

    // An owner that has been idle for long enough, or null.
    public NativeMemoryOwner<T>? TakeIdle() =>
        _put - _taken > QuarantineCount ? _ring![_taken++ % RingSize].Owner : null;

    // Forgets the owner that was taken last, whom the ring would else keep alive until its place is needed, so that it is seen when it is dropped.
    public void ForgetTaken()
    {
        if (_ring is { } ring)
        {
            ring[(_taken - 1) % RingSize].Owner = null;
        }
    }

    // Keeps an owner, in a pool that uses them again. Needs no managed memory that could not be had: the caller has a block to free.
    public void PutIdle(NativeMemoryOwner<T> owner)
    {
        Place[] ring = _ring!;
        if (_put - _taken == RingSize)
        {
            Spill(ring);
        }

        ring[_put++ % RingSize].Owner = owner;
    }

    // Takes an owner that some thread had too many of, and more to have at hand; null if there is none. These have been idle long enough, and so come
    // before those in the ring, which have not.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public NativeMemoryOwner<T>? TakeSpilled()
    {
        NativeMemoryOwner<T>? first = book.SpilledOwners.TryTake(_ring!, _taken, BatchSize - 1, out int more);
        _taken -= (uint)more;
        return first;
    }

    // Makes room in a full ring by giving the oldest to whichever thread needs them. Without memory for that the oldest
    // is dropped, as garbage and nothing else: a rental makes another.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Spill(Place[] ring)
    {
        if (book.SpilledOwners.TryPut(ring, _taken, BatchSize))
        {
            _taken += BatchSize;
        }
        else
        {
            _taken++;
            ForgetTaken();
        }
    }

    // A place in a ring. An array of structs is stored to without the check that an array of a class with subclasses
    // needs.
    internal struct Place
    {
        public NativeMemoryOwner<T>? Owner;
    }
}
