using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pooling;

namespace Hakmem.AspNetCore.Pooling;

// All blocks of one service: thread caches in front, and the slab table behind one lock. A rental takes the top of its
// thread's stack; only every few rentals does a thread come to the table, for several blocks at once. Owners are the
// business of the kit (see OwnerCache).
//
// Memory goes back in three steps, each a third of the idle timeout after the one before, so that a block is given up
// when it was unused for at least two thirds of the timeout and at most all of it: (1) a thread cache is flushed of
// what it did not need for a whole step, (2) slabs that are wholly free are counted, and (3) those that stayed free for
// a whole step are released. (This is the working set of Bonwick's reaping: the low-water mark of a step was not needed
// in it.) The timer runs while there are slabs or single blocks, and for a step after the last single block came back.
// Both ends of that are decided under the lock, so no rental or return checks whether it runs, and a service that holds
// nothing does nothing.
//
// Under the lock nothing allocates managed memory, throws, or calls what may wait: each could run code of the program,
// which may rent from this pool. So slabs and room for them are created before it is taken; refusals are results that
// are thrown, the timer is changed, and pages are purged after it is left.
//
// At the limit a rental gets a single block, which is garbage once it is returned, unless the options want a refusal.
// Refusing cannot be the default, as the pool does not know who rents: a rental that fails in an HTTP/2 connection's
// output leaves that connection's pipes without an end, and so their blocks rented for ever.
//
// Nothing here has a finalizer. An owner that its renter drops keeps its block for ever, counted as rented: taking the
// block back could give the bytes that a span still reaches to someone else.
internal sealed class PinnedBlockStore
{
    // A thread fetches a quarter of what it may hold, so that it can return as much again before it has to come back.
    private const int RefillDivisor = 4;
    private const int StepsPerIdleTimeout = 3;

    private readonly UninterruptibleLock _lock = new();
    private readonly ManagedHeap _heap;
    private readonly long _maxBytes;
    private readonly bool _refusesAtLimit;
    private readonly int _cacheLimit;
    private readonly StepTimer _timer;

    // Each thread's cache, by managed thread id. The store's lock is the table's: no cache is added during a flush of
    // all.
    private ThreadTable<PinnedThreadCache> _caches;

    // All below: read and written under the lock.
    private readonly SlabTable _table = new();
    private readonly IdleCollection _collection;
    private long _slabsAllocated;
    private long _slabsReleased;

    // Single blocks that are rented, all that ever were, and the bytes of those that came back since the last step.
    private long _singles;
    private long _singleRents;
    private long _singleBytesReturned;

    // How many single blocks had been rented at the last step.
    private long _singleRentsOfSteps;
    private bool _isClosed;

    public PinnedBlockStore(PinnedMemoryPoolOptions options, TimeProvider timeProvider, ManagedHeap? heap = null)
    {
        _heap = heap ?? ManagedHeap.Process;
        _maxBytes = options.MaxBytes;
        _refusesAtLimit = options.RefuseAtLimit;
        _cacheLimit = options.ThreadCacheBlocks;
        _collection = new IdleCollection(options.CollectWhenIdle);
        _caches = new ThreadTable<PinnedThreadCache>(_lock);
        Owners = new OwnerDepot(options.RecycleOwners);

        // The timer's reference is weak, so that it does not keep the store of a pool that was dropped.
        WeakReference<PinnedBlockStore> weak = new(this);
        _timer = new StepTimer(_lock, timeProvider, OnTimer, weak, options.IdleTimeout / StepsPerIdleTimeout);
    }

    // The result of looking for a block under the lock.
    private enum Finding
    {
        Found,
        NeedsSlab,
        NeedsSingle,
        AtLimit,
        Closed,
    }

    // What the threads share of the owners.
    public OwnerDepot Owners { get; }

    // The limit in whole slabs; zero for none.
    public long LimitBytes => _maxBytes - (_maxBytes % PinnedSlab.Bytes);

    // Whether the timer should run.
    public bool IsTicking
    {
        get
        {
            using (_lock.Enter())
            {
                return _timer.IsWanted;
            }
        }
    }

    // For a debugger's display. Reads without the lock, which a stopped thread may hold.
    public string DebuggerDisplay
    {
        get
        {
            long blocks = (long)_table.SlabCount * PinnedSlab.BlockCount;
            return FormattableString.Invariant(
                $"{blocks} blocks of {PinnedSlab.BlockBytes} bytes, {_table.FreeBlocks} free outside of thread caches");
        }
    }

    // Whether a thread sleeps until it gets the lock. For tests.
    public bool IsWaitedFor => _lock.IsWaitedFor;

    // The owner comes first and the block second: if there is no block, the owner is idle again, or garbage.
    public IMemoryOwner<byte> Rent()
    {
        PinnedThreadCache cache = FindCache();

        // SAFETY: this store's caches get nothing but owners of this type.
        PinnedMemoryOwner owner = Unsafe.As<PinnedMemoryOwner>(cache.TakeIdle()) ?? new PinnedMemoryOwner(this);
        owner.Attach(cache.TryTake() ?? RentSlow(cache, owner));
        return owner;
    }

    // Called once for each rental. Never throws: the owner has given the block up, so the block must have a place.
    public void Return(PinnedMemoryOwner owner, PinnedBlock block)
    {
        PinnedThreadCache? cache = TryFindCache();
        cache?.PutIdle(owner);
        if (block.Slab is null)
        {
            ReturnSingle();
        }
        else if (cache is null || !cache.TryPut(block))
        {
            ReturnSlow(cache, block);
        }
    }

    public PinnedMemoryPoolStatistics GetStatistics()
    {
        long blocks, pooled, allocated, released, singles, singleRents;
        long rents = 0;
        using (_lock.Enter())
        {
            blocks = (long)_table.SlabCount * PinnedSlab.BlockCount;
            pooled = _table.FreeBlocks;
            foreach (PinnedThreadCache cache in _caches)
            {
                pooled += cache.Count;
                rents += cache.Rents;
            }

            allocated = _slabsAllocated;
            released = _slabsReleased;
            singles = _singles;
            singleRents = _singleRents;
        }

        pooled = Math.Min(pooled, blocks);
        return new PinnedMemoryPoolStatistics
        {
            TotalBytes = (blocks + singles) * PinnedSlab.BlockBytes,
            PooledBytes = pooled * PinnedSlab.BlockBytes,
            RentedBytes = (blocks + singles - pooled) * PinnedSlab.BlockBytes,
            BeyondLimitBytes = singles * PinnedSlab.BlockBytes,
            Rents = rents,
            BeyondLimitRents = singleRents,
            Allocations = allocated,
            Evictions = released,
            LateDisposeCount = Owners.LateDisposeCount,
        };
    }

    // Releases every slab that has no block out, whenever it was last used.
    public void Trim()
    {
        PinnedSlab? released = null;
        bool isTimerDue;
        Owners.Trim(onlyUnneeded: false);
        using (_lock.Enter())
        {
            FlushCaches(onlyUnneeded: false);
            ReleaseSlabs(int.MaxValue, ref released);
            isTimerDue = _timer.TryBeginChange();
        }

        FinishRelease(released, isTimerDue);
    }

    // Ends rentals. What is rented stays valid; a slab is released when its last block comes back.
    public void Close()
    {
        PinnedSlab? released = null;
        using (_lock.Enter())
        {
            if (_isClosed)
            {
                return;
            }

            FlushCaches(onlyUnneeded: false, reopens: false);
            _isClosed = true;
            ReleaseSlabs(int.MaxValue, ref released);
            _timer.Stop();
        }

        FinishRelease(released, isTimerDue: false);
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

    // The calling thread's cache, created if need be.
    public PinnedThreadCache FindCache() => _caches.TryGet(Environment.CurrentManagedThreadId) ?? CreateCache();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private PinnedThreadCache CreateCache()
    {
        int thread = Environment.CurrentManagedThreadId;
        PinnedThreadCache cache = _caches.Register(thread, new PinnedThreadCache(Owners, _cacheLimit));
        using (_lock.Enter())
        {
            if (_isClosed)
            {
                cache.CloseEmpty();
            }
        }

        return cache;
    }

    // Like FindCache, but null if there is no memory for a cache.
    private PinnedThreadCache? TryFindCache()
    {
        return _caches.TryGet(Environment.CurrentManagedThreadId) ?? TryCreateCache();

        [MethodImpl(MethodImplOptions.NoInlining)]
        PinnedThreadCache? TryCreateCache()
        {
            try
            {
                return CreateCache();
            }
            catch (OutOfMemoryException)
            {
                return null;
            }
        }
    }

    // A slab and room for it in the table, or a single block, are created between two looks at the table, of which only
    // the second needs them. If it does not, since blocks came back meanwhile, they are garbage.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private PinnedBlock RentSlow(PinnedThreadCache cache, PinnedMemoryOwner owner)
    {
        Created created = default;
        while (true)
        {
            PinnedBlock? block;
            bool isTimerDue;
            int capacity;
            int slabs;
            Finding finding;
            using (_lock.Enter())
            {
                finding = FindBlock(cache, created, out block);
                isTimerDue = _timer.TryBeginChange();
                capacity = _table.Capacity;
                slabs = _table.SlabCount;
            }

            FinishRelease(released: null, isTimerDue);
            switch (finding)
            {
                case Finding.Found:
                    return block!;
                case Finding.NeedsSlab:
                    created.Room = slabs == capacity ? SlabTable.MakeRoom(capacity) : created.Room;
                    created.Slab ??= new PinnedSlab();
                    continue;
                case Finding.NeedsSingle:
                    created.Single = PinnedBlock.CreateSingle();
                    continue;
            }

            cache.PutIdle(owner);
            throw finding == Finding.Closed
                ? new ObjectDisposedException(typeof(PinnedMemoryPool).FullName)
                : new OutOfMemoryException(
                    $"The pinned memory pool is at its limit of {_maxBytes} bytes (PinnedMemoryPoolOptions.MaxBytes, " +
                    "for Kestrel's pool the configuration key Hakmem:Kestrel:MaxBytes): " +
                    $"all {slabs * PinnedSlab.BlockCount} blocks of {PinnedSlab.BlockBytes} bytes are rented.");
        }
    }

    // Under the lock. A new slab comes before the blocks that other threads keep.
    private Finding FindBlock(PinnedThreadCache cache, Created created, out PinnedBlock? block)
    {
        _lock.AssertHeld();
        block = null;
        Finding finding = _isClosed ? Finding.Closed : _table.FreeBlocks > 0 ? Finding.Found : FindMore(created);
        if (finding == Finding.Found)
        {
            block = cache.Refill(_table, Math.Max(0, (_cacheLimit / RefillDivisor) - 1));
        }
        else if (finding == Finding.NeedsSingle && created.Single is not null)
        {
            block = created.Single;
            cache.CountRent();
            _singles++;
            _singleRents++;
            finding = Finding.Found;
        }

        return finding;
    }

    // Under the lock, with no free block in the table: adds the slab that the caller brought, or at the limit fetches
    // the blocks that other threads keep.
    private Finding FindMore(Created created)
    {
        bool isAllowed = _maxBytes == 0 || (_table.SlabCount + 1L) * PinnedSlab.Bytes <= _maxBytes;
        if (!isAllowed)
        {
            return FindAtLimit();
        }

        if (created.Room is not null)
        {
            _table.Adopt(created.Room);
        }

        if (created.Slab is null || _table.SlabCount == _table.Capacity)
        {
            return Finding.NeedsSlab;
        }

        _table.Add(created.Slab);
        _slabsAllocated++;
        _timer.IsWanted = true;
        return Finding.Found;
    }

    // Under the lock. A flush holds up every thread. A refusal needs it, to be sure that all blocks are in use; where
    // nobody is refused, it is left out if no cache seems to have a block.
    private Finding FindAtLimit()
    {
        if (_refusesAtLimit || IsAnyCached())
        {
            FlushCaches(onlyUnneeded: false);
        }

        return _table.FreeBlocks > 0 ? Finding.Found : _refusesAtLimit ? Finding.AtLimit : Finding.NeedsSingle;
    }

    private bool IsAnyCached()
    {
        bool isAny = false;
        foreach (PinnedThreadCache cache in _caches)
        {
            isAny |= cache.Count > 0;
        }

        return isAny;
    }

    // The block itself is garbage, as nothing refers to it any more.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReturnSingle()
    {
        using (_lock.Enter())
        {
            _singles--;
            _singleBytesReturned += PinnedSlab.BlockBytes;
            _collection.Add(PinnedSlab.BlockBytes, _heap.FullCollections);
        }
    }

    // Half of the thread's blocks go back too, so that the next return finds room. A cache of a closed store has none.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReturnSlow(PinnedThreadCache? cache, PinnedBlock block)
    {
        PinnedSlab? released = null;
        using (_lock.Enter())
        {
            cache?.FlushHalf(_table);
            _table.Put(block);
            if (_isClosed)
            {
                ReleaseSlabs(int.MaxValue, ref released);
            }
        }

        FinishRelease(released, isTimerDue: false);
    }

    private static void OnTimer(object? state)
    {
        if (((WeakReference<PinnedBlockStore>)state!).TryGetTarget(out PinnedBlockStore? store) && store.Step())
        {
            store._heap.Collect();
        }
    }

    // One step. Returns whether a garbage collection is wanted. Not inlined, so that no local of it keeps what it
    // released during that collection.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Step()
    {
        PinnedSlab? released = null;
        long heapBytes = _heap.Bytes;
        bool isCollectionDue;
        bool isTimerDue;
        Owners.Trim(onlyUnneeded: true);
        using (_lock.Enter())
        {
            if (!_timer.IsWanted)
            {
                return false;
            }

            long stepBytes = (long)ReleaseSlabs(_table.WhollyFreeLowWater, ref released) * PinnedSlab.Bytes;
            long singleBytes = _singleBytesReturned;
            stepBytes += singleBytes;
            _singleBytesReturned = 0;
            FlushCaches(onlyUnneeded: true);
            _table.MarkLowWater();
            long heldBytes = ((long)_table.SlabCount * PinnedSlab.Bytes) + (_singles * PinnedSlab.BlockBytes);

            // A load beyond the limit releases as much in each step as in the one before: it has not settled.
            bool isBeyondLimit = heldBytes > 0 && singleBytes >= IdleCollection.CollectableBytes &&
                _singleRents != _singleRentsOfSteps;
            _singleRentsOfSteps = _singleRents;
            isCollectionDue = !isBeyondLimit &&
                _collection.TakeIfDue(stepBytes, heldBytes, heapBytes, _heap.FullCollections);
            isTimerDue = _timer.TryBeginChange();
        }

        FinishRelease(released, isTimerDue);
        return isCollectionDue;
    }

    // Under the lock. Returns how many.
    private int ReleaseSlabs(int most, ref PinnedSlab? released)
    {
        _lock.AssertHeld();
        int count = _table.Release(most, ref released);
        _slabsReleased += count;
        if (count > 0)
        {
            _collection.Add((long)count * PinnedSlab.Bytes, _heap.FullCollections);
        }

        _timer.IsWanted &= _table.SlabCount > 0 || _singles > 0;
        return count;
    }

    // Under no lock. Takes the list of slabs apart, so that no slab that something still refers to keeps the others.
    private void FinishRelease(PinnedSlab? released, bool isTimerDue)
    {
        if (isTimerDue)
        {
            _timer.Change();
        }

        while (released is not null)
        {
            PinnedSlab slab = released;
            released = slab.NextReleased;
            slab.NextReleased = null;
            slab.PurgePages();
        }
    }

    // Under the lock. While all gates are closed, no block can be taken from a cache or put into one, and none moves to
    // or from the table, as that takes the lock. So if the table is empty after a flush of everything, all blocks were
    // rented at this one moment. To flush one cache after the other would not show that: a block could be returned to a
    // cache that was flushed already, after the last block of another cache was rented. The cache of a thread that has
    // ended is flushed like that of an idle thread. Once the store is closed, caches are empty and their gates stay
    // closed.
    private void FlushCaches(bool onlyUnneeded, bool reopens = true)
    {
        _lock.AssertHeld();
        if (_isClosed)
        {
            return;
        }

        foreach (PinnedThreadCache cache in _caches)
        {
            cache.CloseGate();
        }

        Interlocked.MemoryBarrierProcessWide();
        foreach (PinnedThreadCache cache in _caches)
        {
            cache.WaitUntilOutside();
        }

        foreach (PinnedThreadCache cache in _caches)
        {
            cache.Flush(_table, onlyUnneeded);
            if (reopens)
            {
                cache.OpenGate();
            }
        }
    }

    // What a rental has created outside of the lock, in case that the next look under it needs it.
    private struct Created
    {
        public PinnedSlab? Slab;
        public SlabTable.Room? Room;
        public PinnedBlock? Single;
    }
}
