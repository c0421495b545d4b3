using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

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
internal sealed unsafe class ThreadCacheRegistry(Arena arena, int heapSlot, SizeClassInfo[] classes, CacheExchange exchange, long budgetBytes, bool isFronted = false)
{
    // The thread caches of a heap together hold at most this many times the budget of one, however many threads there are ...
    private const int TotalBudgetFactor = 12;

    // ... down to this much for each.
    private const long MinBudgetBytes = 256 << 10;

    private readonly SwapRemoveList<CacheEntry> _entries = new();

    // The numbers that caches have: the lowest free one is given next, so that tables by number stay as long as the
    // most threads at a time.
    private readonly SuperSlabBitmap _numbers = new(arena.Metadata);

    // Whether a thread without a cache has freed blocks of a heap with fronts. Never taken back.
    private bool _hasOthers;

    public UninterruptibleLock SyncRoot { get; } = new();

    // For the reaper. Guarded by SyncRoot.
    public SwapRemoveList<CacheEntry> Entries => _entries;

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

    // A cache for the calling thread: a dead thread's if there is one, else a new one. Null if memory is out.
    public ThreadCache* TryGet()
    {
        // Managed memory comes before the lock: where there is none, this throws, and nothing has changed.
        CacheEntry entry = new(Thread.CurrentThread);
        object?[]? room = null;
        while (true)
        {
            int wanted;
            using (SyncRoot.Enter())
            {
                if (TryAdopt(entry))
                {
                    return entry.Cache;
                }

                if (_entries.HasRoom || _entries.TryMoveTo(room))
                {
                    return TryAdd(entry) ? entry.Cache : null;
                }

                wanted = _entries.NextCapacity;
            }

            room = new object?[wanted];
        }
    }

    // Flushes the caches of threads that have ended, and frees their records; whether there were any.
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
                    exchange.FlushAll(ThreadCache.MagazinesOf(cache));
                    _entries.RemoveAt(i);
                    _numbers.Remove(cache->Number, 1);
                    ThreadCaches.Destroy(arena, cache);
                }
            }

            SetBudget();
            SetAlone();
            return _entries.Count < before;
        }
    }

    // From now on no cache passes for the only one that frees blocks: a thread without a cache is about to.
    public void EndAlone()
    {
        using (SyncRoot.Enter())
        {
            _hasOthers = true;
            SetAlone();
        }
    }

    // Frees all caches, whose blocks' memory is being given back as a whole, and takes them out of their threads' reach.
    public void Clear()
    {
        using (SyncRoot.Enter())
        {
            for (int i = 0; i < _entries.Count; i++)
            {
                ThreadCache* cache = _entries[i].Cache;
                Unlink(cache);
                CacheExchange.DestroyMagazines(arena.Metadata, ThreadCache.MagazinesOf(cache));
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
                    counts[index] += CacheExchange.CountOf(_entries[i].Magazines, index);
                }
            }
        }
    }

    // Gives by size class how many blocks lie neither in a cache, nor in a depot, nor in a span, without one counted as
    // free that is not: while no slow path moves any. False if a thread is in one. Not beside the reaper. What a fast
    // path does meanwhile is one block of a magazine more or less. Of these, kept are the ones that freed has, which is
    // counted meanwhile, since what threads have put goes there.
    public bool TryCountHeld(DepotSet depots, BlockQuarantine? freed, long[] held, long[] kept)
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
                    held[index] -= CacheExchange.CountOf(_entries[i].Magazines, index);
                }
            }

            bool isDone = closed == _entries.Count;
            freed?.CountBlocks(kept);
            while (closed > 0)
            {
                CacheGate.OpenOther(_entries[--closed].Magazines);
            }

            return isDone;
        }
    }

    // Takes over a cache whose thread has ended. Under the lock.
    private bool TryAdopt(CacheEntry entry)
    {
        for (int i = 0; i < _entries.Count; i++)
        {
            if (!_entries[i].IsAlive())
            {
                entry.Cache = _entries[i].Cache;
                Unlink(entry.Cache);
                _entries[i] = entry;
                SetAlone();
                return true;
            }
        }

        return false;
    }

    // Makes a new cache, where there is room for its entry. Under the lock.
    private bool TryAdd(CacheEntry entry)
    {
        int number = _numbers.NextGap(0, int.MaxValue);
        ThreadCache* cache = _numbers.TryReserve(number + 1) ? ThreadCaches.TryCreate(arena, heapSlot, classes, number, isFronted) : null;
        if (cache == null)
        {
            return false;
        }

        _numbers.Add(number, 1);
        entry.Cache = cache;
        _entries.Add(entry);
        SetBudget();
        SetAlone();
        return true;
    }

    // Before a cache goes to another thread, or its record is freed: nothing of its thread's leads to it any more, nor
    // it to that.
    private void Unlink(ThreadCache* cache)
    {
        CurrentThread.ClearPeers(arena.Metadata, cache);
        CurrentThread.Unlink(cache, heapSlot);
    }

    private void SetBudget()
    {
        // A budget may be as large as a number can be.
        long total = System.Math.Min(budgetBytes, long.MaxValue / TotalBudgetFactor) * TotalBudgetFactor;
        long share = _entries.Count <= TotalBudgetFactor ? budgetBytes : total / _entries.Count;
        exchange.BudgetBytes = System.Math.Min(budgetBytes, System.Math.Max(share, MinBudgetBytes));
    }

    // Tells the caches behind fronts whether there is one only. Whoever is told that it is alone no more may be in the
    // middle of a free that it began alone: it is waited for, which is a few instructions without a lock. Under the
    // lock.
    private void SetAlone()
    {
        bool isAlone = isFronted && !_hasOthers && _entries.Count == 1 && ProcessBarrier.IsSupported;
        bool isNews = false;
        for (int i = 0; i < _entries.Count && isFronted; i++)
        {
            ThreadCache* cache = _entries[i].Magazines;
            isNews |= cache->IsAlone != 0 && !isAlone;
            Volatile.Write(ref cache->IsAlone, isAlone ? 1 : 0);
        }

        if (!isNews)
        {
            return;
        }

        ProcessBarrier.Run();
        for (int i = 0; i < _entries.Count; i++)
        {
            while (Volatile.Read(ref _entries[i].Magazines->IsClaiming) != 0)
            {
                // It may have been stopped there: yielding is no wait that can be interrupted.
                Thread.Yield();
            }
        }
    }
}
