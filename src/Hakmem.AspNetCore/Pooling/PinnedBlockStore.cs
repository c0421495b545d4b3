using System;
using System.Collections.Generic;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.AspNetCore.Pooling;

// All blocks of one service: thread caches in front, the slab table behind one lock. A rental takes the top of its thread's stack; only
// every few rentals does a thread come here, for several blocks at once.
//
// Memory goes back in three steps, each a third of the idle timeout after the one before, so that a block unused for two thirds of
// it at least and for all of it at most is given up: (1) a thread cache reaps what it did not need for a whole step, (2) slabs that
// are wholly free are counted, and (3) those that stayed so for a whole step are dropped (the working set of Bonwick's
// reaping: the low water of a step was not needed in it). The timer runs while there are slabs and only then: it is started with the
// first slab and stopped with the last, both under the lock, so no rental or return has to look whether it runs. A service that holds
// nothing does nothing.
//
// Nothing here has a finalizer. An owner that its renter drops keeps its slab for ever, counted as rented: taking it back could give a
// span's bytes to someone else.
internal sealed class PinnedBlockStore
{
    // What a thread fetches at once is a quarter of what it may hold, so that it can return as much again before it has to come back.
    private const int RefillDivisor = 4;
    private const int StepsPerIdleTimeout = 3;

    // This thread's caches, the one used last first. One for each store that the thread has met and that is still open.
    [ThreadStatic]
    private static PinnedThreadCache? t_caches;

    private readonly UninterruptibleLock _lock = new();
    private readonly long _maxBytes;
    private readonly int _cacheLimit;
    private readonly TimeSpan _step;
    private readonly ITimer _timer;

    // All below: read and written under the lock.
    private readonly SlabTable _table = new();
    private readonly List<PinnedThreadCache> _caches = [];
    private readonly IdleCollection _collection;
    private long _deadThreadsRents;
    private long _slabsAllocated;
    private long _slabsEvicted;
    private bool _isTicking;

    // Written once, under the lock; read under it, and without it by a return that finds no cache.
    private volatile bool _isClosed;

    public PinnedBlockStore(PinnedMemoryPoolOptions options, TimeProvider timeProvider)
    {
        _maxBytes = options.MaxBytes;
        _cacheLimit = options.ThreadCacheBlocks;
        _collection = new IdleCollection(options.CollectWhenIdle);
        _step = options.IdleTimeout / StepsPerIdleTimeout;

        // The timer's own reference must not keep the store of a pool that was dropped.
        WeakReference<PinnedBlockStore> weak = new(this);
        _timer = timeProvider.CreateTimer(Tick, weak, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    // Whether the timer runs: exactly while there are slabs.
    public bool IsTicking
    {
        get
        {
            using (_lock.Enter())
            {
                return _isTicking;
            }
        }
    }

    public PinnedBlock Rent()
    {
        PinnedThreadCache? cache = CurrentCache();
        ObjectDisposedException.ThrowIf(cache is null, typeof(PinnedMemoryPool));
        PinnedBlock block = cache.TryTake() ?? RentFromTable(cache);
        block.MarkRented();
        return block;
    }

    public void Return(PinnedBlock block)
    {
        PinnedThreadCache? cache = CurrentCache();
        if (cache is null || !cache.TryPut(block))
        {
            ReturnToTable(cache, block);
        }
    }

    public PinnedMemoryPoolStatistics GetStatistics()
    {
        using (_lock.Enter())
        {
            long pooled = _table.FreeBlocks;
            long rents = _deadThreadsRents;
            foreach (PinnedThreadCache cache in _caches)
            {
                pooled += cache.Count;
                rents += cache.Rents;
            }

            long blocks = (long)_table.SlabCount * PinnedSlab.BlockCount;
            return new PinnedMemoryPoolStatistics
            {
                TotalBytes = blocks * PinnedSlab.BlockBytes,
                PooledBytes = pooled * PinnedSlab.BlockBytes,
                RentedBytes = Math.Max(0, blocks - pooled) * PinnedSlab.BlockBytes,
                Rents = rents,
                Allocations = _slabsAllocated,
                Evictions = _slabsEvicted,
            };
        }
    }

    // Drops every slab that has no block out, whenever it was last used.
    public void Trim()
    {
        using (_lock.Enter())
        {
            DrainCaches(onlySurplus: false);
            Evict(int.MaxValue);
        }
    }

    // Ends rentals. What is out stays valid; when its last block comes back, its slab is dropped.
    public void Close()
    {
        using (_lock.Enter())
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            foreach (PinnedThreadCache cache in _caches)
            {
                cache.Close(_table);
                _deadThreadsRents += cache.Rents;
            }

            _caches.Clear();
            Evict(int.MaxValue);
            _isTicking = false;
        }

        _timer.Dispose();
    }

    public void CheckInvariants()
    {
        using (_lock.Enter())
        {
            _table.CheckInvariants();
        }
    }

    private PinnedBlock RentFromTable(PinnedThreadCache cache)
    {
        using (_lock.Enter())
        {
            ObjectDisposedException.ThrowIf(_isClosed, typeof(PinnedMemoryPool));
            if (_table.FreeBlocks == 0)
            {
                FindMore();
            }

            return cache.Refill(_table, Math.Max(0, (_cacheLimit / RefillDivisor) - 1));
        }
    }

    // Half of the thread's blocks as well, so that it need not come back with the next. A cache of a closed store has none.
    private void ReturnToTable(PinnedThreadCache? cache, PinnedBlock block)
    {
        using (_lock.Enter())
        {
            cache?.ReturnHalf(_table);
            _table.Put(block);
            if (_isClosed)
            {
                Evict(int.MaxValue);
            }
        }
    }

    // Under the lock, with nothing free in the table: a new slab, or what other threads hold for later.
    private void FindMore()
    {
        bool hasRoom = _maxBytes == 0 || (_table.SlabCount + 1L) * PinnedSlab.Bytes <= _maxBytes;
        if (hasRoom)
        {
            _table.Add(new PinnedSlab(this));
            _slabsAllocated++;
            StartTicking();
            return;
        }

        DrainCachesAtOnce();
        if (_table.FreeBlocks == 0)
        {
            throw new OutOfMemoryException(
                $"The pinned memory pool is at its limit of {_maxBytes} bytes (PinnedMemoryPoolOptions.MaxBytes, for Kestrel's pool the " +
                "configuration key Hakmem:Kestrel:MaxBytes): " +
                $"all {_table.SlabCount * PinnedSlab.BlockCount} blocks of {PinnedSlab.BlockBytes} bytes are rented.");
        }
    }

    private void StartTicking()
    {
        if (!_isTicking)
        {
            _isTicking = true;
            _timer.Change(_step, _step);
        }
    }

    private static void Tick(object? state)
    {
        if (((WeakReference<PinnedBlockStore>)state!).TryGetTarget(out PinnedBlockStore? store) && store.Reap())
        {
            // Blocking, since only a blocking, compacting collection gives the memory of what it frees to the system at once.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }

    // One step. Returns whether a garbage collection is wanted.
    private bool Reap()
    {
        using (_lock.Enter())
        {
            if (_isClosed || !_isTicking)
            {
                return false;
            }

            Evict(_table.WhollyFreeLowWater);
            DrainCaches(onlySurplus: true);
            _table.MarkLowWater();
            return !_isTicking && _collection.IsDue(GC.GetTotalMemory(forceFullCollection: false));
        }
    }

    // Under the lock.
    private void Evict(int mostSlabs)
    {
        int evicted = _table.Evict(mostSlabs);
        _slabsEvicted += evicted;
        if (evicted > 0)
        {
            _collection.Add((long)evicted * PinnedSlab.Bytes, GC.CollectionCount(GC.MaxGeneration));
        }

        if (_table.SlabCount == 0 && _isTicking)
        {
            _isTicking = false;
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    // Under the lock. A dead thread's cache goes for good: nobody else would.
    private void DrainCaches(bool onlySurplus)
    {
        for (int i = _caches.Count - 1; i >= 0; i--)
        {
            PinnedThreadCache cache = _caches[i];
            bool isAlive = cache.IsThreadAlive;
            cache.Drain(_table, onlySurplus && isAlive);
            if (!isAlive)
            {
                _deadThreadsRents += cache.Rents;
                _caches.RemoveAt(i);
            }
        }
    }

    // Under the lock. No block can be rented from a cache or put into one while all flags are taken, and none is on the way to or from the
    // table, as that takes the lock. So if the table is empty after this, every block was rented at this one moment. One cache after the
    // other would not do: a block could be returned to one that was drained already, after the last of another had been rented.
    private void DrainCachesAtOnce()
    {
        foreach (PinnedThreadCache cache in _caches)
        {
            cache.Enter();
        }

        foreach (PinnedThreadCache cache in _caches)
        {
            cache.DrainEntered(_table);
        }

        foreach (PinnedThreadCache cache in _caches)
        {
            cache.Leave();
        }
    }

    // Null once the store is closed.
    public PinnedThreadCache? CurrentCache()
    {
        PinnedThreadCache? cache = t_caches;
        return cache is not null && cache.Store == this && !_isClosed ? cache : FindCache();
    }

    // Looks through the thread's other caches, drops those of closed stores, and puts this store's first.
    private PinnedThreadCache? FindCache()
    {
        PinnedThreadCache? found = null;
        PinnedThreadCache? others = null;
        for (PinnedThreadCache? cache = t_caches; cache is not null;)
        {
            PinnedThreadCache? next = cache.NextOfThread;
            if (cache.Store == this)
            {
                found = cache;
            }
            else if (!cache.Store._isClosed)
            {
                cache.NextOfThread = others;
                others = cache;
            }

            cache = next;
        }

        found = _isClosed ? null : found ?? CreateCache();
        if (found is not null)
        {
            found.NextOfThread = others;
        }

        t_caches = found ?? others;
        return found;
    }

    private PinnedThreadCache? CreateCache()
    {
        PinnedThreadCache cache = new(this, _cacheLimit);
        using (_lock.Enter())
        {
            if (_isClosed)
            {
                return null;
            }

            _caches.Add(cache);
            return cache;
        }
    }
}
