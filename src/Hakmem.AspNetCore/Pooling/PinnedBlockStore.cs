using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.AspNetCore.Pooling;

// All blocks of one service: thread caches in front, the slab table behind one lock. A rental takes the top of its thread's stack; only
// every few rentals does a thread come here, for several blocks at once.
//
// Memory goes back in three steps, each a third of the idle timeout after the one before, so that a block unused for
// two thirds of it at least and for all of it at most is given up: (1) a thread cache reaps what it did not need for a
// whole step, (2) slabs that are wholly free are counted, and (3) those that stayed so for a whole step are dropped
// (the working set of Bonwick's reaping: the low water of a step was not needed in it). The timer runs while there are
// slabs and only then: it is wanted from the first slab on and until the last is dropped, both decided under the lock,
// so no rental or return has to look whether it runs. A service that holds nothing does nothing.
//
// Under the lock nothing allocates managed memory, throws, or calls what may wait: either could run code of the
// program's, which may rent from this pool. So slabs and room for them are made before it, refusals are results that
// are thrown behind it, and the timer is changed and dropped pages are discarded behind it too.
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
    private readonly ManagedHeap _heap;
    private readonly long _maxBytes;
    private readonly int _cacheLimit;
    private readonly StepTimer _timer;

    // All below: read and written under the lock.
    private readonly SlabTable _table = new();
    private readonly IdleCollection _collection;
    private PinnedThreadCache? _caches;
    private long _deadThreadsRents;
    private long _slabsAllocated;
    private long _slabsEvicted;

    // Whether the timer is to run: exactly while there are slabs; whether it does; and whether a thread is about to
    // change that. One changes it at a time, until it finds both alike, so the last change is always that to what is
    // wanted.
    private bool _isTicking;
    private bool _isTimerRunning;
    private bool _isTimerChanging;

    // Written once, under the lock; read under it, and without it by a return that finds no cache.
    private volatile bool _isClosed;

    public PinnedBlockStore(PinnedMemoryPoolOptions options, TimeProvider timeProvider, ManagedHeap? heap = null)
    {
        _heap = heap ?? ManagedHeap.Process;
        _maxBytes = options.MaxBytes;
        _cacheLimit = options.ThreadCacheBlocks;
        _collection = new IdleCollection(options.CollectWhenIdle);

        // The timer's own reference must not keep the store of a pool that was dropped.
        WeakReference<PinnedBlockStore> weak = new(this);
        _timer = new StepTimer(timeProvider, Tick, weak, options.IdleTimeout / StepsPerIdleTimeout);
    }

    // What came of looking for a block under the lock.
    private enum Finding
    {
        Found,
        NeedsSlab,
        AtLimit,
        Closed,
    }

    // Whether the timer is to run: exactly while there are slabs.
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

    // Whether a thread sleeps until it gets the lock. For tests.
    public bool IsWaitedFor => _lock.IsWaitedFor;

    public PinnedBlock Rent()
    {
        PinnedThreadCache? cache = CurrentCache();
        ObjectDisposedException.ThrowIf(cache is null, typeof(PinnedMemoryPool));
        PinnedBlock block = cache.TryTake() ?? RentFromTable(cache);
        block.MarkRented();
        return block;
    }

    // Needs no memory: the owner has given the block up already, so it must have a place.
    public void Return(PinnedBlock block)
    {
        PinnedThreadCache? cache = CurrentCacheOrNone();
        if (cache is null || !cache.TryPut(block))
        {
            ReturnToTable(cache, block);
        }
    }

    public PinnedMemoryPoolStatistics GetStatistics()
    {
        long blocks, pooled, rents, allocated, evicted;
        using (_lock.Enter())
        {
            blocks = (long)_table.SlabCount * PinnedSlab.BlockCount;
            pooled = _table.FreeBlocks;
            rents = _deadThreadsRents;
            for (PinnedThreadCache? cache = _caches; cache is not null; cache = cache.NextOfStore)
            {
                pooled += cache.Count;
                rents += cache.Rents;
            }

            allocated = _slabsAllocated;
            evicted = _slabsEvicted;
        }

        pooled = Math.Min(pooled, blocks);
        return new PinnedMemoryPoolStatistics
        {
            TotalBytes = blocks * PinnedSlab.BlockBytes,
            PooledBytes = pooled * PinnedSlab.BlockBytes,
            RentedBytes = (blocks - pooled) * PinnedSlab.BlockBytes,
            Rents = rents,
            Allocations = allocated,
            Evictions = evicted,
        };
    }

    // Drops every slab that has no block out, whenever it was last used.
    public void Trim()
    {
        PinnedSlab? dropped = null;
        bool isTimerDue;
        using (_lock.Enter())
        {
            DrainCaches(onlySurplus: false);
            Evict(int.MaxValue, ref dropped);
            isTimerDue = TakeTimerChange();
        }

        FinishEvicting(dropped, isTimerDue);
    }

    // Ends rentals. What is out stays valid; when its last block comes back, its slab is dropped.
    public void Close()
    {
        PinnedSlab? dropped = null;
        using (_lock.Enter())
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            for (PinnedThreadCache? cache = _caches; cache is not null; cache = cache.NextOfStore)
            {
                cache.Close(_table);
                _deadThreadsRents += cache.Rents;
            }

            _caches = null;
            Evict(int.MaxValue, ref dropped);
            _isTicking = false;
        }

        DiscardPages(dropped);
        _timer.Dispose();
    }

    public void CheckInvariants()
    {
        string? broken;
        using (_lock.Enter())
        {
            broken = _table.FindBrokenRule();
        }

        if (broken is not null)
        {
            throw new InvalidOperationException($"An invariant of the slab table is broken: {broken}.");
        }
    }

    // Null once the store is closed.
    public PinnedThreadCache? CurrentCache()
    {
        PinnedThreadCache? cache = t_caches;
        return cache is not null && cache.Store == this && !_isClosed ? cache : FindCache();
    }

    // As CurrentCache, and null too where there is no memory for one: the table takes the block then.
    private PinnedThreadCache? CurrentCacheOrNone()
    {
        try
        {
            return CurrentCache();
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    // A slab, and room for it in the table, are made between two looks at the table, of which only the second needs
    // them. If it does not, since blocks came back meanwhile, they are left to the garbage collector.
    private PinnedBlock RentFromTable(PinnedThreadCache cache)
    {
        PinnedSlab? slab = null;
        SlabTable.Room? room = null;
        while (true)
        {
            PinnedBlock? block;
            bool isTimerDue;
            int capacity;
            int slabs;
            Finding finding;
            using (_lock.Enter())
            {
                finding = FindBlock(cache, slab, room, out block);
                isTimerDue = TakeTimerChange();
                capacity = _table.Capacity;
                slabs = _table.SlabCount;
            }

            if (isTimerDue)
            {
                ChangeTimer();
            }

            switch (finding)
            {
                case Finding.Found:
                    return block!;
                case Finding.NeedsSlab:
                    room = slabs == capacity ? SlabTable.MakeRoom(capacity) : room;
                    slab ??= new PinnedSlab(this);
                    break;
                case Finding.AtLimit:
                    throw new OutOfMemoryException(
                        $"The pinned memory pool is at its limit of {_maxBytes} bytes (PinnedMemoryPoolOptions.MaxBytes, for Kestrel's pool " +
                        "the configuration key Hakmem:Kestrel:MaxBytes): " +
                        $"all {slabs * PinnedSlab.BlockCount} blocks of {PinnedSlab.BlockBytes} bytes are rented.");
                default:
                    throw new ObjectDisposedException(typeof(PinnedMemoryPool).FullName);
            }
        }
    }

    // Under the lock. A new slab comes before what other threads hold for later.
    private Finding FindBlock(PinnedThreadCache cache, PinnedSlab? slab, SlabTable.Room? room, out PinnedBlock? block)
    {
        block = null;
        if (_isClosed)
        {
            return Finding.Closed;
        }

        if (_table.FreeBlocks == 0)
        {
            Finding finding = FindMore(slab, room);
            if (finding != Finding.Found)
            {
                return finding;
            }
        }

        block = cache.Refill(_table, Math.Max(0, (_cacheLimit / RefillDivisor) - 1));
        return Finding.Found;
    }

    // Under the lock, with nothing free in the table: the new slab that was brought, or what other threads hold for
    // later.
    private Finding FindMore(PinnedSlab? slab, SlabTable.Room? room)
    {
        bool isAllowed = _maxBytes == 0 || (_table.SlabCount + 1L) * PinnedSlab.Bytes <= _maxBytes;
        if (!isAllowed)
        {
            DrainCachesAtOnce();
            return _table.FreeBlocks > 0 ? Finding.Found : Finding.AtLimit;
        }

        if (room is not null)
        {
            _table.Adopt(room);
        }

        if (slab is null || _table.SlabCount == _table.Capacity)
        {
            return Finding.NeedsSlab;
        }

        _table.Add(slab);
        _slabsAllocated++;
        _isTicking = true;
        return Finding.Found;
    }

    // Half of the thread's blocks as well, so that it need not come back with the next. A cache of a closed store has
    // none.
    private void ReturnToTable(PinnedThreadCache? cache, PinnedBlock block)
    {
        PinnedSlab? dropped = null;
        using (_lock.Enter())
        {
            cache?.ReturnHalf(_table);
            _table.Put(block);
            if (_isClosed)
            {
                Evict(int.MaxValue, ref dropped);
            }
        }

        DiscardPages(dropped);
    }

    private static void Tick(object? state)
    {
        if (((WeakReference<PinnedBlockStore>)state!).TryGetTarget(out PinnedBlockStore? store) && store.Reap())
        {
            store._heap.Collect();
        }
    }

    // One step. Returns whether a garbage collection is wanted. Its frame is gone then: what it dropped must not be
    // reachable from there.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Reap()
    {
        PinnedSlab? dropped = null;
        long heapBytes = _heap.Bytes;
        bool isCollectionDue;
        bool isTimerDue;
        using (_lock.Enter())
        {
            if (_isClosed || !_isTicking)
            {
                return false;
            }

            long stepBytes = (long)Evict(_table.WhollyFreeLowWater, ref dropped) * PinnedSlab.Bytes;
            DrainCaches(onlySurplus: true);
            _table.MarkLowWater();
            long heldBytes = (long)_table.SlabCount * PinnedSlab.Bytes;
            isCollectionDue = _collection.TakeIfDue(stepBytes, heldBytes, heapBytes, _heap.FullCollections);
            isTimerDue = TakeTimerChange();
        }

        FinishEvicting(dropped, isTimerDue);
        return isCollectionDue;
    }

    // Under the lock. Returns how many.
    private int Evict(int mostSlabs, ref PinnedSlab? dropped)
    {
        int evicted = _table.Evict(mostSlabs, ref dropped);
        _slabsEvicted += evicted;
        if (evicted > 0)
        {
            _collection.Add((long)evicted * PinnedSlab.Bytes, _heap.FullCollections);
        }

        _isTicking &= _table.SlabCount > 0;
        return evicted;
    }

    // Under no lock.
    private void FinishEvicting(PinnedSlab? dropped, bool isTimerDue)
    {
        if (isTimerDue)
        {
            ChangeTimer();
        }

        DiscardPages(dropped);
    }

    // Takes the list apart: whoever still has a block of one of these slabs must not keep all that were dropped after
    // it.
    private static void DiscardPages(PinnedSlab? dropped)
    {
        while (dropped is not null)
        {
            PinnedSlab slab = dropped;
            dropped = slab.NextDropped;
            slab.NextDropped = null;
            slab.DiscardPages();
        }
    }

    // Under the lock. Whether the caller is to change the timer behind it.
    private bool TakeTimerChange()
    {
        bool isDue = _isTicking != _isTimerRunning && !_isTimerChanging && !_isClosed;
        _isTimerChanging |= isDue;
        return isDue;
    }

    // Under no lock, for the one thread that has taken the change. A change that fails is left to whoever comes next.
    private void ChangeTimer()
    {
        bool isDone = true;
        while (NextTimerChange(isDone) is { } isStart)
        {
            isDone = isStart ? _timer.TryStart() : _timer.TryStop();
            using (_lock.Enter())
            {
                _isTimerRunning = isDone ? isStart : _isTimerRunning;
            }
        }
    }

    // What the timer has to be changed to; null if to nothing, or the last try failed, which ends this thread's turn.
    private bool? NextTimerChange(bool isLastDone)
    {
        using (_lock.Enter())
        {
            _isTimerChanging = isLastDone && _isTicking != _isTimerRunning && !_isClosed;
            return _isTimerChanging ? _isTicking : null;
        }
    }

    // Under the lock. A dead thread's cache goes for good: nobody else would take it out.
    private void DrainCaches(bool onlySurplus)
    {
        PinnedThreadCache? last = null;
        for (PinnedThreadCache? cache = _caches; cache is not null; cache = cache.NextOfStore)
        {
            bool isAlive = cache.IsThreadAlive;
            cache.Drain(_table, onlySurplus && isAlive);
            if (isAlive)
            {
                last = cache;
                continue;
            }

            _deadThreadsRents += cache.Rents;
            if (last is null)
            {
                _caches = cache.NextOfStore;
            }
            else
            {
                last.NextOfStore = cache.NextOfStore;
            }
        }
    }

    // Under the lock. No block can be rented from a cache or put into one while all flags are taken, and none is on the way to or from the
    // table, as that takes the lock. So if the table is empty after this, every block was rented at this one moment. One cache after the
    // other would not do: a block could be returned to one that was drained already, after the last of another had been rented.
    private void DrainCachesAtOnce()
    {
        for (PinnedThreadCache? cache = _caches; cache is not null; cache = cache.NextOfStore)
        {
            cache.Enter();
        }

        for (PinnedThreadCache? cache = _caches; cache is not null; cache = cache.NextOfStore)
        {
            cache.DrainEntered(_table);
        }

        for (PinnedThreadCache? cache = _caches; cache is not null; cache = cache.NextOfStore)
        {
            cache.Leave();
        }
    }

    // Looks through the thread's other caches, drops those of closed stores, and puts this store's first. One that has
    // to be made is made before anything is changed.
    private PinnedThreadCache? FindCache()
    {
        PinnedThreadCache? found = t_caches;
        while (found is not null && found.Store != this)
        {
            found = found.NextOfThread;
        }

        found = _isClosed ? null : found ?? CreateCache();
        PinnedThreadCache? others = null;
        for (PinnedThreadCache? cache = t_caches; cache is not null;)
        {
            PinnedThreadCache? next = cache.NextOfThread;
            if (cache.Store != this && !cache.Store._isClosed)
            {
                cache.NextOfThread = others;
                others = cache;
            }

            cache = next;
        }

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

            cache.NextOfStore = _caches;
            _caches = cache;
            return cache;
        }
    }
}
