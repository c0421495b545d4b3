using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Events;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// All thread caches of one heap, with the threads they belong to.
//
// A thread's end must not wait for the garbage collector: a program that keeps its data off the managed heap may
// collect rarely, and finalizers of thread-static objects run no sooner. So the registry keeps each cache beside its
// Thread. A thread that needs a new cache, grows the heap or trims it first searches for threads that have ended. A
// dead thread's cache is adopted whole by a new thread, or flushed.
//
// Ordering: Thread.IsAlive turns false after the thread has run its last managed instruction, by an interlocked write
// of the runtime; a full fence after reading false makes the dead thread's last writes to its cache visible.
//
// Thread-safe: one lock, taken above the depots' locks.
internal sealed unsafe class ThreadCacheRegistry(
    Arena arena, int heapSlot, SizeClassInfo[] classes, CacheExchange exchange, long budgetBytes,
    bool isFronted = false)
{
    // The thread caches of a heap together hold at most this many times the budget of one, but MinBudgetBytes each.
    private const int TotalBudgetFactor = 8;
    private const long MinBudgetBytes = 256 << 10;

    private readonly CacheEntryList _entries = new();

    // The numbers of caches. A new cache gets the lowest unused one, so that tables by number stay short.
    private readonly SuperSlabBitmap _numbers = new(arena.Metadata);

    // How many caches with blocks FlushDead has flushed. Guarded by SyncRoot.
    private long _endedThreads;

    // Whether a thread without a cache has freed blocks of a heap with fronts. Never reset. Guarded by SyncRoot.
    private bool _hasFreesWithoutCache;

    public UninterruptibleLock SyncRoot { get; } = new();

    // The caches. Guarded by SyncRoot.
    public CacheEntryList Entries
    {
        get
        {
            SyncRoot.AssertHeld();
            return _entries;
        }
    }

    public int Count
    {
        get
        {
            using (SyncRoot.Enter())
            {
                return _entries.Count;
            }
        }
    }

    // How many threads have ended that left blocks in their caches, which were flushed then. A cache without blocks, or
    // one that another thread adopted, does not count.
    public long EndedThreads
    {
        get
        {
            using (SyncRoot.Enter())
            {
                return _endedThreads;
            }
        }
    }

    // Returns a cache for the calling thread: a dead thread's if there is one, else a new one. Null if memory is out,
    // managed memory included: a thread can do without a cache, and a free must not fail.
    public ThreadCache* TryGet()
    {
        try
        {
            return TryAdoptOrAdd();
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    private ThreadCache* TryAdoptOrAdd()
    {
        // Managed memory is allocated before the lock is taken: if this throws, nothing has changed.
        CurrentThread.Prepare();
        if (_entries.Count > 0)
        {
            // Several threads may wait for each other.
            WordWait.Prepare();
        }

        ManagedMemory.Need();
        CacheEntry entry = new(Thread.CurrentThread);
        object?[]? room = null;
        while (true)
        {
            int wanted;
            using (SyncRoot.Enter())
            {
                if (TryAdopt(entry))
                {
                    break;
                }

                if (_entries.HasRoom || _entries.TryMoveTo(room))
                {
                    return TryAdd(entry) ? entry.Cache : null;
                }

                wanted = _entries.NextCapacity;
            }

            ManagedMemory.Need();
            room = new object?[wanted];
        }

        HakmemEventSource.TellAdopted(heapSlot, entry.Cache->Number);
        return entry.Cache;
    }

    // Flushes the caches of threads that have ended, and frees their records. Whether there were any.
    public bool FlushDead()
    {
        using (SyncRoot.Enter())
        {
            int before = _entries.Count;
            for (int i = _entries.Count - 1; i >= 0; i--)
            {
                if (!_entries[i].IsAlive())
                {
                    ThreadCache* cache = _entries[i].Cache;
                    Unlink(cache);
                    _endedThreads += BinCounts.HasBlocks(ThreadCache.MagazinesOf(cache)) ? 1 : 0;
                    exchange.FlushAll(ThreadCache.MagazinesOf(cache));
                    _entries.RemoveAt(i);
                    _numbers.Remove(cache->Number, 1);
                    ThreadCaches.Destroy(arena, cache);
                }
            }

            UpdateBudget();
            UpdateIsAlone();
            return _entries.Count < before;
        }
    }

    // Sends the slow paths of all allocations through the heap, because it is profiled from now on.
    public void CountAllocations()
    {
        using (SyncRoot.Enter())
        {
            for (int i = 0; i < _entries.Count; i++)
            {
                Volatile.Write(ref _entries[i].Magazines->CountsAllocations, true);
            }
        }
    }

    // Ends IsAlone of all caches for good, because a thread without a cache is about to free a block.
    public void EndAlone()
    {
        using (SyncRoot.Enter())
        {
            _hasFreesWithoutCache = true;
            UpdateIsAlone();
        }
    }

    // Frees all caches and unlinks them from their threads, because the heap releases their blocks' memory as a whole.
    public void Clear()
    {
        using (SyncRoot.Enter())
        {
            for (int i = 0; i < _entries.Count; i++)
            {
                ThreadCache* cache = _entries[i].Cache;
                Unlink(cache);
                ThreadCaches.DestroyMagazines(arena.Metadata, ThreadCache.MagazinesOf(cache));
                ThreadCaches.Destroy(arena, cache);
            }

            _entries.Clear();
            _numbers.Clear();
        }
    }

    // Adds the number of free blocks in the caches to counts, by size class.
    public void CountBlocks(long[] counts)
    {
        using (SyncRoot.Enter())
        {
            for (int i = 0; i < _entries.Count; i++)
            {
                for (int index = 0; index < counts.Length; index++)
                {
                    counts[index] += BinCounts.CountOf(_entries[i].Magazines, index);
                }
            }
        }
    }

    // Counts by size class the blocks that are in no cache, depot or span, while no slow path moves blocks: so no block
    // that is in use is counted as free. False if a thread is in a slow path. Never beside the reaper. A fast path that
    // runs meanwhile changes a magazine by one block. kept gets those of the blocks that are in the quarantine, which
    // is counted while the gates are closed, because caches are flushed into it.
    public bool TryCountHeld(DepotSet depots, BlockQuarantine? quarantine, long[] held, long[] kept)
    {
        using (SyncRoot.Enter())
        {
            int closed = 0;
            while (closed < _entries.Count && CacheGate.TryCloseOther(_entries[closed].Magazines))
            {
                closed++;
            }

            for (int index = 0; index < held.Length && closed == _entries.Count; index++)
            {
                (long blocksOut, long blocksHere, _) = depots.Find(index)?.Count() ?? default;
                held[index] = blocksOut - blocksHere;
                for (int i = 0; i < closed; i++)
                {
                    held[index] -= BinCounts.CountOf(_entries[i].Magazines, index);
                }
            }

            bool isDone = closed == _entries.Count;
            quarantine?.CountBlocks(kept);
            while (closed > 0)
            {
                CacheGate.OpenOther(_entries[--closed].Magazines);
            }

            return isDone;
        }
    }

    // Adopts a cache whose thread has ended.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryAdopt(CacheEntry entry)
    {
        SyncRoot.AssertHeld();
        for (int i = 0; i < _entries.Count; i++)
        {
            if (!_entries[i].IsAlive())
            {
                entry.Cache = _entries[i].Cache;
                Unlink(entry.Cache);
                _entries[i] = entry;
                UpdateIsAlone();
                return true;
            }
        }

        return false;
    }

    // Creates a new cache.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryAdd(CacheEntry entry)
    {
        SyncRoot.AssertHeld();
        Debug.Assert(_entries.HasRoom, "There is no room for the entry, and none may be allocated under the lock.");
        int number = _numbers.NextGap(0, int.MaxValue);
        ThreadCache* cache = _numbers.TryReserve(number + 1)
            ? ThreadCaches.TryCreate(arena, heapSlot, classes, number, isFronted)
            : null;
        if (cache == null)
        {
            return false;
        }

        _numbers.Add(number, 1);
        entry.Cache = cache;
        _entries.Add(entry);
        UpdateBudget();
        UpdateIsAlone();
        return true;
    }

    // Removes the links between a cache and its thread's others, before it is adopted or freed.
    private void Unlink(ThreadCache* cache)
    {
        SyncRoot.AssertHeld();
        CurrentThread.ClearPeers(arena.Metadata, cache);
        CurrentThread.Unlink(cache, heapSlot);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void UpdateBudget()
    {
        SyncRoot.AssertHeld();

        // The minimum avoids an overflow: a budget may be as large as long.MaxValue.
        long total = Math.Min(budgetBytes, long.MaxValue / TotalBudgetFactor) * TotalBudgetFactor;
        long share = _entries.Count <= TotalBudgetFactor ? budgetBytes : total / _entries.Count;
        exchange.BudgetBytes = Math.Min(budgetBytes, Math.Max(share, MinBudgetBytes));
    }

    // Writes to the caches behind fronts whether there is only one. A thread whose cache ceases to be alone may be in a
    // free that it began as alone: this waits for it, which takes a few instructions and no lock.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void UpdateIsAlone()
    {
        SyncRoot.AssertHeld();
        bool isAlone = isFronted && !_hasFreesWithoutCache && _entries.Count == 1 && ProcessBarrier.IsSupported;
        bool hasEnded = false;
        for (int i = 0; i < _entries.Count && isFronted; i++)
        {
            ThreadCache* cache = _entries[i].Magazines;
            hasEnded |= cache->IsAlone != 0 && !isAlone;
            Volatile.Write(ref cache->IsAlone, isAlone ? 1 : 0);
        }

        if (!hasEnded)
        {
            return;
        }

        ProcessBarrier.Run();
        for (int i = 0; i < _entries.Count; i++)
        {
            while (Volatile.Read(ref _entries[i].Magazines->IsClaiming) != 0)
            {
                // The thread may have been preempted there. Thread.Yield cannot be interrupted.
                Thread.Yield();
            }
        }
    }
}
