using System.Threading;
using Hakmem.Arenas;
using Hakmem.Collections;
using Hakmem.Os;
using Hakmem.SizeClasses;

namespace Hakmem.ThreadCaches;

// All thread caches of one heap, with the threads they belong to.
//
// A thread's end must not wait for the garbage collector: a program that keeps its data off the managed heap may collect rarely, and
// finalizers of thread-static objects run no sooner. So the registry keeps each cache beside its Thread, and whoever needs a new
// cache, grows the heap or trims it first looks for threads that have ended. A dead thread's cache is taken over whole by a new
// thread, or flushed.
//
// Ordering: Thread.IsAlive turns false after the thread has run its last managed instruction, by an interlocked write of the
// runtime; a full fence after reading false makes the dead thread's last writes to its cache visible.
//
// Thread-safe: one lock, taken above the depots' locks.
internal sealed unsafe class ThreadCacheRegistry(Arena arena, int heapSlot, SizeClassInfo[] classes, CacheExchange exchange, long budgetBytes)
{
    // The thread caches of a heap together hold at most this many times the budget of one, however many threads there are ...
    private const int TotalBudgetFactor = 12;

    // ... down to this much for each.
    private const long MinBudgetBytes = 256 << 10;

    private readonly UninterruptibleLock _lock = new();
    private readonly Items<CacheEntry> _entries = new();

    // Records of flushed caches. They are used for nothing but caches of this heap again: another heap may still have the address of
    // one as its thread's Home, and clear its own entry there when it is disposed. A list, linked through Home.
    private ThreadCache* _spares;

    // Of all records that were ever made.
    private int _recordCount;

    public int Count
    {
        get
        {
            using (_lock.Enter())
            {
                return _entries.Count;
            }
        }
    }

    // A cache for the calling thread: a dead thread's if there is one, else a new one. Null if memory is out.
    public ThreadCache* TryGet()
    {
        using (_lock.Enter())
        {
            for (int i = 0; i < _entries.Count; i++)
            {
                if (!_entries[i].IsAlive())
                {
                    ThreadCache* adopted = _entries[i].Cache;
                    CurrentThread.ClearPeers(arena.Metadata, adopted);
                    _entries[i] = new CacheEntry(Thread.CurrentThread, adopted);
                    return adopted;
                }
            }

            ThreadCache* cache = TakeSpare();
            if (cache == null)
            {
                cache = ThreadCache.TryCreate(arena, heapSlot, classes, _recordCount);
                _recordCount += cache != null ? 1 : 0;
            }

            if (cache != null)
            {
                _entries.Add(new CacheEntry(Thread.CurrentThread, cache));
                SetBudget();
            }

            return cache;
        }
    }

    // Flushes the caches of threads that have ended; whether there were any.
    public bool FlushDead()
    {
        using (_lock.Enter())
        {
            int before = _entries.Count;
            for (int i = _entries.Count - 1; i >= 0; i--)
            {
                if (!_entries[i].IsAlive())
                {
                    ThreadCache* cache = _entries[i].Cache;
                    CurrentThread.ClearPeers(arena.Metadata, cache);
                    exchange.FlushAll(cache);
                    cache->Home = _spares;
                    _spares = cache;
                    _entries.RemoveAt(i);
                }
            }

            SetBudget();
            return _entries.Count < before;
        }
    }

    // Takes free blocks out of the caches back to their spans: of bins that were not used since the last time, or of all if isForced. Not from
    // two threads at a time.
    public void Reap(CacheReaper reaper, bool isForced)
    {
        reaper.Begin();
        int next = 0;
        bool isDone = false;
        while (!isDone)
        {
            // The lock is let go in between, for threads that come and go. One that moves up in the list has its turn next time.
            using (_lock.Enter())
            {
                isDone = next >= _entries.Count;
                next = isDone ? next : reaper.ReapSome(_entries, next, isForced);
            }
        }
    }

    // Frees all caches, whose blocks' memory is being given back as a whole, and takes them out of their threads' reach.
    public void Clear()
    {
        using (_lock.Enter())
        {
            for (int i = 0; i < _entries.Count; i++)
            {
                ThreadCache* cache = _entries[i].Cache;
                CurrentThread.ClearPeer(cache->Home, heapSlot);
                CacheExchange.DestroyMagazines(arena.Metadata, cache);
                ThreadCache.Destroy(arena, cache);
            }

            while (_spares != null)
            {
                ThreadCache.Destroy(arena, TakeSpare());
            }

            _entries.Clear();
        }
    }

    // Adds the number of free blocks in the caches to counts, by size class.
    public void CountBlocks(long[] counts)
    {
        using (_lock.Enter())
        {
            for (int i = 0; i < _entries.Count; i++)
            {
                for (int index = 0; index < counts.Length; index++)
                {
                    counts[index] += CacheExchange.CountOf(_entries[i].Cache, index);
                }
            }
        }
    }

    private ThreadCache* TakeSpare()
    {
        ThreadCache* spare = _spares;
        if (spare != null)
        {
            _spares = spare->Home;
            spare->Home = null;
        }

        return spare;
    }

    private void SetBudget()
    {
        long share = budgetBytes * TotalBudgetFactor / System.Math.Max(1, _entries.Count);
        exchange.BudgetBytes = System.Math.Min(budgetBytes, System.Math.Max(share, MinBudgetBytes));
    }
}
