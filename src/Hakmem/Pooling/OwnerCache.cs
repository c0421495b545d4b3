using System;
using System.Runtime.CompilerServices;

namespace Hakmem.Pooling;

// The kit of all pools: what NativeMemoryPool and the pinned pool of Hakmem.AspNetCore do with IMemoryOwner objects.
//
// Role       A pool rents memory out in owner objects. The kit finds the calling thread's part of a pool (ThreadTable),
//            decides whether an owner is a new object or a used one (OwnerCache, OwnerDepot), and counts disposals that
//            come too late (OwnerDepot). Where the memory comes from is the pool's own business: the allocator's thread
//            caches in one, thread caches of pinned blocks in the other.
// Owner      A pool has one ThreadTable and one OwnerDepot, and one OwnerCache for each thread that uses it. A pool
//            derives its own class from OwnerCache, so that one look-up finds everything that a thread has of it.
// Layout     OwnerCache: a ring of 64 idle owners, first in, first out. OwnerDepot: two stacks of batches, full and
//            empty ones; a batch has room for 24 owners. Threads exchange whole batches with the depot, so that a
//            thread that rents gets back the owners that another thread returns.
// Invariants 1. An owner is rented, or in one ring, or in one full batch, or garbage.
//            2. An owner leaves a ring for a rental only when at least 16 others came in behind it on that thread, or
//               when it has been in the depot, which it reaches only from the front of a full ring. So for that long a
//               second Dispose meets an owner that is not rented, does nothing, and is counted.
//            3. Without RecycleOwners there is no ring, and every rental makes a new owner.
// Ordering   A ring belongs to one thread and is used without a lock. Batches change hands under the depot's lock. When
//            a thread has ended, its cache passes to the next thread with the same number in the table; whoever gives
//            out the numbers orders the two threads.
// Limits     Nothing is allocated or thrown under a lock. Where there is no memory for a batch, owners become garbage.
//            A quarantine delays the harm of a late Dispose, it does not prevent it: that is the price of
//            RecycleOwners, and why it is off by default.
// Rejected   One object that is both a pinned block and its owner, as it would be used again as soon as the block is.
//            That should be at once, as the block is in the processor's cache, and an owner should rest. A generation
//            number does not help: a caller who disposes late has nothing but the reference.
//
// The classes take owners as objects, so that pools of all element types share one compiled copy of them. The sources
// are compiled into both packages, since the packages need not be of the same version.
internal class OwnerCache(OwnerDepot depot)
{
    private const int QuarantineCount = 16;
    private const int RingSize = 64;

    // Used by the cache's thread only. Null if owners are not recycled. The positions only ever grow; their low bits
    // are the index in the ring. Idle owners are at [_taken, _put).
    private readonly Slot[]? _ring = depot.Recycles ? new Slot[RingSize] : null;
    private uint _taken;
    private uint _put;

    // Takes an owner that may be used again, or returns null; always null if owners are not recycled.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public object? TakeIdle() => _put - _taken > QuarantineCount ? _ring![_taken++ % RingSize].Owner
        : _ring is null ? null
        : TakeFromDepot(_ring);

    // Clears the slot of the owner that was taken last. Otherwise the ring keeps that owner alive until the slot is
    // used again, and the garbage collector does not find it when its renter drops it.
    public void ClearTakenSlot()
    {
        if (_ring is { } ring)
        {
            ring[(_taken - 1) % RingSize].Owner = null;
        }
    }

    // Keeps an owner if owners are recycled. Never throws: the caller has memory to give back.
    public void PutIdle(object owner)
    {
        if (_ring is not { } ring)
        {
            return;
        }

        if (_put - _taken == RingSize)
        {
            Flush(ring);
        }

        ring[_put++ % RingSize].Owner = owner;
    }

    // Takes an owner that came to the depot from any thread, and puts the rest of its batch at the front of the ring,
    // which has room: it holds no more than the quarantine. Null if the depot has none.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private object? TakeFromDepot(Slot[] ring)
    {
        if (depot.Take(isFull: true) is not { } batch)
        {
            return null;
        }

        object?[] owners = batch.Owners;
        for (uint i = 1; i < owners.Length; i++)
        {
            ring[(_taken - i) % RingSize].Owner = owners[owners.Length - (int)i];
        }

        _taken -= (uint)owners.Length - 1;
        object? first = owners[0];
        owners.AsSpan().Clear();
        depot.Put(batch, isFull: false);
        return first;
    }

    // Makes room in a full ring: a batch of the oldest owners goes to the depot. Without memory for a batch the oldest
    // owner becomes garbage.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Flush(Slot[] ring)
    {
        if (depot.TakeEmptyOrCreate() is not { } batch)
        {
            _taken++;
            ClearTakenSlot();
            return;
        }

        object?[] owners = batch.Owners;
        for (int i = 0; i < owners.Length; i++)
        {
            ref object? slot = ref ring[_taken++ % RingSize].Owner;
            owners[i] = slot;
            slot = null;
        }

        depot.Put(batch, isFull: true);
    }

    // A store into an array of structs needs no check of the element's type.
    private struct Slot
    {
        public object? Owner;
    }
}
