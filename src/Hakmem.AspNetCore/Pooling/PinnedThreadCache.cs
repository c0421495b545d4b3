using System;
using System.Diagnostics;
using System.Threading;

namespace Hakmem.AspNetCore.Pooling;

// A thread's free blocks of one store: a small stack, used by its thread without waiting for anyone.
//
// The stack has to be open to others too: a thread that has gone idle keeps its blocks, and only the store's timer, or a thread that
// finds the store at its limit, can fetch them. So every use takes the flag below, which its thread finds free except in the moments of
// a drain. The thread never waits for it (it goes to the store instead); a drain does, as the flag is held for some ten instructions.
// Nobody takes the store's lock while holding the flag: a drain has the lock first, so the other order would be a deadlock.
//
// Blocks go between the cache and the store's table under the lock and the flag both, so that whoever has the lock and all flags sees
// every free block: none is ever on the way.
//
// Rejected: an Interlocked.Exchange of the top block alone, which is as dear and caches one block; a lock-free stack, whose nodes
// either make garbage or have the ABA problem.
internal sealed class PinnedThreadCache
{
    // The blocks, [0, _count). Read and written by whoever holds the flag, as are _count, _limit and _low.
    private readonly PinnedBlock[] _blocks;
    private readonly Thread _thread = Thread.CurrentThread;
    private int _count;

    // How many it may hold; zero once the store is closed, which sends every later use to the store.
    private int _limit;

    // The fewest blocks there were since the last reaping: so many have not been needed.
    private int _low;

    // Rentals by this thread. Written by it under the flag; read by statistics without, hence a little old.
    private long _rents;

    // The flag: 1 while someone is in. Taken by an interlocked exchange, given by a release store. A thread that waits
    // for it yields and does not sleep, since a sleeper would have to be woken, and each rental and return would have
    // to look for one. Neither a yield nor a spin can be interrupted, or runs code of the program's.
    private int _flag;

    // How many threads wait for it, which have the store's lock: one at most. Only tests read it.
    private int _waiting;

    public PinnedThreadCache(PinnedBlockStore store, int limit)
    {
        Store = store;
        _limit = limit;
        _blocks = new PinnedBlock[limit];
    }

    public PinnedBlockStore Store { get; }

    // The next cache of the same thread, for another store. Only that thread uses it.
    public PinnedThreadCache? NextOfThread { get; set; }

    // The next cache of the same store, of another thread. Guarded by the store's lock.
    public PinnedThreadCache? NextOfStore { get; set; }

    // Whether someone waits for the flag. For tests.
    public bool IsWaitedFor => Volatile.Read(ref _waiting) != 0;

    public bool IsThreadAlive => _thread.IsAlive;

    public int Count => Volatile.Read(ref _count);

    public long Rents => Volatile.Read(ref _rents);

    // Null when there is none, or when a drain is under way.
    public PinnedBlock? TryTake()
    {
        if (!TryEnter())
        {
            return null;
        }

        PinnedBlock? block = null;
        int last = _count - 1;
        if (last >= 0)
        {
            block = _blocks[last];
            _count = last;
            _low = Math.Min(_low, last);
            _rents++;
        }

        Leave();
        return block;
    }

    // False when it is full, or when a drain is under way.
    public bool TryPut(PinnedBlock block)
    {
        if (!TryEnter())
        {
            return false;
        }

        int count = _count;
        bool fits = count < _limit;
        if (fits)
        {
            _blocks[count] = block;
            _count = count + 1;
        }

        Leave();
        return fits;
    }

    // For the cache's thread, which has the store's lock and a free block in the table: takes that for one rental, counts it, and keeps
    // up to so many more.
    public PinnedBlock Refill(SlabTable table, int most)
    {
        Enter();
        PinnedBlock block = table.Take();
        _count += table.Take(_blocks.AsSpan(_count, Math.Min(most, _limit - _count)));
        _rents++;
        Leave();
        return block;
    }

    // For the cache's thread, which has the store's lock: puts half of what there is back.
    public void ReturnHalf(SlabTable table)
    {
        Enter();
        PutBack(table, (_count + 1) / 2);
        _low = Math.Min(_low, _count);
        Leave();
    }

    // For the holder of the store's lock: puts blocks back that were not needed since the last reaping, or all.
    public void Drain(SlabTable table, bool onlySurplus)
    {
        Enter();
        PutBack(table, onlySurplus ? Math.Min(_low, _count) : _count);
        _low = _count;
        Leave();
    }

    // For the holder of the store's lock and of the flag: puts all blocks back.
    public void DrainEntered(SlabTable table)
    {
        PutBack(table, _count);
        _low = 0;
    }

    // As the drain of all, for good: from now on every use ends in the store.
    public void Close(SlabTable table)
    {
        Enter();
        _limit = 0;
        PutBack(table, _count);
        Leave();
    }

    // For the holder of the store's lock: takes the flag.
    public void Enter()
    {
        if (!TryEnter())
        {
            WaitAndEnter();
        }
    }

    public void Leave() => Volatile.Write(ref _flag, 0);

    private void WaitAndEnter()
    {
        Interlocked.Increment(ref _waiting);
        do
        {
            Thread.SpinWait(1);
            Thread.Yield();
        }
        while (!TryEnter());
        Interlocked.Decrement(ref _waiting);
    }

    private void PutBack(SlabTable table, int count)
    {
        foreach (PinnedBlock block in _blocks.AsSpan(0, count))
        {
            table.Put(block);
        }

        DropOldest(count);
    }

    // The bottom of the stack goes, the top stays: what was used last is warm.
    private void DropOldest(int count)
    {
        Debug.Assert(_flag != 0);
        Array.Copy(_blocks, count, _blocks, 0, _count - count);
        Array.Clear(_blocks, _count - count, count);
        _count -= count;
    }

    private bool TryEnter() => Interlocked.CompareExchange(ref _flag, 1, 0) == 0;
}
