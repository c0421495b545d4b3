using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Collections;
using Hakmem.ThreadCaches;

namespace Hakmem;

// One thread's part of a pool: its share of the figures, and the owners that lie idle until they are used again.
//
// A counter that all threads write would cost each rental two interlocked operations on a line that processors fight over. Here a
// thread adds to its own, rentals on one thread and returns on another included (a single shard's figures may be negative; the sum
// is right). A shard outlives its thread: the next thread that needs one takes over a dead one's, figures and owners included.
//
// Idle owners wait in a ring, first in, first out, and none leaves before QuarantineCount others have come in behind it. That is what
// makes a second disposal harmless for a while, and it is why this is not a stack.
internal sealed unsafe class RentalShard<T>(RentalBook<T> book)
{
    private const int QuarantineCount = 16;
    private const int RingSize = 64;

    // How many move between a ring and the pool under one lock: a ring at the quarantine has room for them, a full one keeps more than that.
    private const int BatchSize = 24;

    // A thread finds its shards in a small table by the pool's number; a pool whose place is taken looks its shard up under a lock.
    private const int TableSize = 8;

    // The shard that the thread used last: most threads use one pool at a time.
    [ThreadStatic]
    private static RentalShard<T>? t_latest;

    [ThreadStatic]
    private static RentalShard<T>?[]? t_table;

    // Written by the shard's thread, read by anyone who adds figures up: words, so never torn, and recent.
    private long _rentedCount;
    private long _rentedBytes;

    // The shard's thread only. Positions count up for ever; their low bits are the place in the ring.
    private Place[]? _ring;
    private uint _taken;
    private uint _put;

    public RentalBook<T> Book => book;

    // Whose it is. Read and written under the pool's lock.
    public Thread Thread { get; private set; } = Thread.CurrentThread;

    // That thread's cache of the shared heap, once it has one: it keeps it as long as it lives. Where a pool rents from the shared heap it is at hand
    // here, and need not be looked up a second time. The shard's thread only.
    public ThreadCache* Cache { get; private set; }

    public long RentedCount => Volatile.Read(ref _rentedCount);

    public long RentedBytes => Volatile.Read(ref _rentedBytes);

    // The calling thread's shard of a pool.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RentalShard<T> Of(RentalBook<T> book)
    {
        RentalShard<T>? latest = t_latest;
        return latest is not null && ReferenceEquals(latest.Book, book) ? latest : Find(book);
    }

    // Makes it another thread's, the calling one's, when its own has ended. Under the pool's lock.
    public void PassTo(Thread thread)
    {
        Thread = thread;
        Cache = CurrentThread.Shared;
    }

    // Takes a block of the shared heap.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void* AllocShared(nuint byteCount) => Cache != null ? HakmemAllocator.AllocShared(Cache, byteCount) : AllocFirst(byteCount);

    // Gives one back.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FreeShared(void* block)
    {
        if (Cache != null)
        {
            HakmemAllocator.FreeShared(Cache, block);
        }
        else
        {
            FreeFirst(block);
        }
    }

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

    public void PutIdle(NativeMemoryOwner<T> owner)
    {
        Place[] ring = _ring ??= new Place[RingSize];
        if (_put - _taken == RingSize)
        {
            Spill(ring);
        }

        ring[_put++ % RingSize].Owner = owner;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static RentalShard<T> Find(RentalBook<T> book)
    {
        RentalShard<T>?[] table = t_table ??= new RentalShard<T>?[TableSize];
        ref RentalShard<T>? place = ref table[book.Number % TableSize];
        if (place is null || !ReferenceEquals(place.Book, book))
        {
            place = book.FindShard(Thread.CurrentThread);
        }

        return t_latest = place;
    }

    // The calls that give the thread its cache, if it has none yet.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocFirst(nuint byteCount)
    {
        void* block = HakmemAllocator.Shared.Alloc(byteCount);
        Cache = CurrentThread.Shared;
        return block;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FreeFirst(void* block)
    {
        HakmemAllocator.Shared.Free(block);
        Cache = CurrentThread.Shared;
    }

    // Takes an owner that some thread had too many of, and more to have at hand; null if there is none. These have been idle long enough.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public NativeMemoryOwner<T>? TakeSpilled()
    {
        Place[] ring = _ring ??= new Place[RingSize];
        Items<NativeMemoryOwner<T>> spilled = book.SpilledOwners;
        lock (spilled)
        {
            if (spilled.Count == 0)
            {
                return null;
            }

            NativeMemoryOwner<T> first = spilled.RemoveAt(spilled.Count - 1);
            for (int i = 1; i < BatchSize && spilled.Count > 0; i++)
            {
                ring[_put++ % RingSize].Owner = spilled.RemoveAt(spilled.Count - 1);
            }

            return first;
        }
    }

    // Makes room in a full ring by giving the oldest to whichever thread needs them.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Spill(Place[] ring)
    {
        lock (book.SpilledOwners)
        {
            for (int i = 0; i < BatchSize; i++)
            {
                book.SpilledOwners.Add(ring[_taken++ % RingSize].Owner);
            }
        }
    }

    // An array of structs is stored to without the check that an array of a class with subclasses needs.
    private struct Place
    {
        public NativeMemoryOwner<T> Owner;
    }
}
