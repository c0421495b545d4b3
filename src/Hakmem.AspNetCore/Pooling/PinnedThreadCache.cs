using System;
using System.Threading;
using Hakmem.Pooling;

namespace Hakmem.AspNetCore.Pooling;

// A thread's part of a store: its idle owners (see OwnerCache), and a small stack of free blocks.
//
// The thread uses the stack without a lock and without an interlocked operation. Others need access too: the store's
// timer fetches the blocks of a thread that has become idle, and a thread that finds the store at its limit fetches the
// blocks of all threads. So each cache has a gate, which such a flush closes. A thread says that it is inside, and then
// looks at the gate; if that is closed, it leaves and goes to the store's lock. A flush closes the gates, then runs a
// memory barrier on every processor of the process, and then waits until no thread is inside. The barrier takes the
// place of a fence between the thread's store and its load: either the flush sees that the thread is inside, or the
// thread sees the closed gate. A thread is inside for some ten instructions.
//
// Whoever moves blocks between caches and the store's table holds the store's lock: a flush with the gates closed, and
// a cache's own thread without, as the lock keeps flushes out. So a flush sees every free block.
//
// Rejected: a flag that both sides take by an interlocked operation (37 ns for a rental and its return, where the gate
// takes 23); and a lock-free stack, whose nodes either make garbage or have the ABA problem.
internal sealed class PinnedThreadCache(OwnerDepot owners, int maxBlocks) : OwnerCache(owners)
{
    // The blocks are at [0, _count). These fields are read and written by the cache's thread inside the gate, or under
    // the store's lock as described above; statistics read _count and _rents at any time.
    private readonly PinnedBlock[] _blocks = new PinnedBlock[maxBlocks];
    private int _count;

    // The low-water mark of _count since the last flush: that many blocks were not needed.
    private int _low;

    // Rentals by this thread.
    private long _rents;

    // Whether the cache's thread is inside. Written by that thread, read by a flush.
    private bool _isInside;

    // 1 during a flush, and for good once the store is closed; otherwise 0. Changed under the store's lock, read by the
    // cache's thread. Tests close a gate without the lock, hence the interlocked exchange.
    private int _isGateClosed;

    // The number of flushes that wait at this gate. For tests.
    private int _waiting;

    public bool IsWaitedFor => Volatile.Read(ref _waiting) != 0;

    public int Count => Volatile.Read(ref _count);

    public long Rents => Volatile.Read(ref _rents);

    // Null if the cache is empty or its gate is closed.
    public PinnedBlock? TryTake()
    {
        PinnedBlock? block = null;
        if (TryEnter() && _count > 0)
        {
            int last = _count - 1;
            block = _blocks[last];
            _count = last;
            _low = Math.Min(_low, last);
            _rents++;
        }

        Volatile.Write(ref _isInside, false);
        return block;
    }

    // False if the cache is full or its gate is closed.
    public bool TryPut(PinnedBlock block)
    {
        bool fits = TryEnter() && _count < _blocks.Length;
        if (fits)
        {
            _blocks[_count++] = block;
        }

        Volatile.Write(ref _isInside, false);
        return fits;
    }

    // For the cache's thread under the store's lock, with a free block in the table: takes it for a rental, counts
    // that, and keeps up to so many more.
    public PinnedBlock Refill(SlabTable table, int most)
    {
        PinnedBlock block = table.Take();
        _count += table.Take(_blocks.AsSpan(_count, Math.Min(most, _blocks.Length - _count)));
        _rents++;
        return block;
    }

    // For the cache's thread under the store's lock: counts the rental of a single block.
    public void CountRent() => _rents++;

    // For the cache's thread under the store's lock: puts half of the blocks back.
    public void FlushHalf(SlabTable table)
    {
        PutBack(table, (_count + 1) / 2);
        _low = Math.Min(_low, _count);
    }

    // For a flush: puts back the blocks that were not needed since the last flush, or all of them.
    public void Flush(SlabTable table, bool onlyUnneeded)
    {
        PutBack(table, onlyUnneeded ? _low : _count);
        _low = _count;
    }

    // The first step of a flush. The second is a barrier of the whole process.
    public void CloseGate()
    {
        while (Interlocked.Exchange(ref _isGateClosed, 1) != 0)
        {
            Interlocked.Increment(ref _waiting);
            Yield();
            Interlocked.Decrement(ref _waiting);
        }
    }

    // The third step of a flush.
    public void WaitUntilOutside()
    {
        while (Volatile.Read(ref _isInside))
        {
            Yield();
        }
    }

    public void OpenGate() => Volatile.Write(ref _isGateClosed, 0);

    // For the cache's thread under the store's lock, if the store was closed before the cache was in its table.
    public void CloseEmpty() => Volatile.Write(ref _isGateClosed, 1);

    // Neither a spin nor a yield can be interrupted or runs code of the program.
    private static void Yield()
    {
        Thread.SpinWait(1);
        Thread.Yield();
    }

    private bool TryEnter()
    {
        Volatile.Write(ref _isInside, true);
        return Volatile.Read(ref _isGateClosed) == 0;
    }

    // The bottom of the stack goes, the top stays: what was used last is in the processor's cache.
    private void PutBack(SlabTable table, int count)
    {
        foreach (PinnedBlock block in _blocks.AsSpan(0, count))
        {
            table.Put(block);
        }

        Array.Copy(_blocks, count, _blocks, 0, _count - count);
        Array.Clear(_blocks, _count - count, count);
        _count -= count;
    }
}
