using System;
using System.Threading;
using Hakmem.Guarded;
using Hakmem.Large;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Reclaim;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// One heap: connects the layers, and is the slow path of all that HakmemAllocator's inlined paths do not do themselves.
// A heap can release everything at once, because SuperSlabs belong to heaps: see Dispose.
//
// Thread-safe, except that no other call may run during Dispose (the caller ensures that). Locks, outermost first:
// reclaimer, decay, registry of thread caches, a cache's gate, depot, SuperSlabs, arena; then those of the peer tables
// and of the metadata. The purge lock is above that of the SuperSlabs, and entered under no depot's lock.
// docs/concurrency.md has the locks of hardening.
internal sealed unsafe partial class Heap : HeapCore, ITeller
{
    private readonly Arena _arena;
    private readonly int _slot;
    private readonly HeapLimits _limits;
    private readonly SuperSlabCache _superSlabs;
    private readonly UnitAllocator _units;
    private readonly DepotSet _depots;
    private readonly CacheExchange _exchange;
    private readonly ThreadCacheRegistry _registry;
    private readonly HeapDecay _decay;
    private object? _front;
    private readonly Reclaimer _reclaimer;
    private readonly SizeClassInfo[] _classes;
    private readonly BlockKinds _kinds;

    // Null without guarded sampling.
    private readonly GuardedSampling? _guardedSampling;

    // Null if no table records live blocks.
    private readonly BlockClaims? _claims;

    // Null if freed blocks pass no quarantine.
    private readonly BlockQuarantine? _quarantine;

    // budget: null for one of its own.
    public Heap(Arena arena, int slot, HeapLimits limits, DecayTimer? timer, HeapBudget? budget = null)
    {
        _arena = arena;
        _slot = slot;
        _limits = limits;
        HardeningParts? hardening = HardeningParts.TryCreate(arena, limits);
        _classes = hardening is null ? SizeClassInfo.Standard : hardening.CreateClasses();
        _superSlabs = new SuperSlabCache(arena, slot, limits, budget);
        _units = new UnitAllocator(_superSlabs);
        RunAllocator runs = new(_superSlabs);
        DepotBudget depotBudget = new(_classes.Length > SizeClass.Count ? Stripe.Count : 1);
        _depots = new DepotSet(arena, _units, slot, _classes, depotBudget, hardening is { IsPlacedAtRandom: true });
        _quarantine = hardening?.AddQuarantine(_depots, _classes);
        _exchange = new CacheExchange(_depots, _classes, _quarantine);
        bool hasLiveTable = hardening is { HasLiveTable: true };
        _registry = new ThreadCacheRegistry(
            arena, slot, _classes, _exchange, limits.ThreadCacheBytes, isFronted: hasLiveTable);
        CacheReaper reaper = new(_depots, arena.Metadata, _quarantine);
        _decay = new HeapDecay(limits, _superSlabs, _units, _depots, _registry, reaper, timer, _quarantine)
        {
            Owner = this,
        };
        HeapParts parts = new()
        {
            Arena = arena,
            Slot = slot,
            Classes = _classes,
            SuperSlabs = _superSlabs,
            Depots = _depots,
            DepotBudget = depotBudget,
            Exchange = _exchange,
            Registry = _registry,
            Quarantine = _quarantine,
            HasLiveTable = hasLiveTable,
        };
        _reclaimer = new Reclaimer(parts, _decay, _units, runs);
        _kinds = new BlockKinds(parts, _units, runs, hardening);
        _guardedSampling = _kinds.GuardedSampling;
        _claims = _kinds.Claims;
        if (_guardedSampling != null)
        {
            StartGuardedSampling();
        }

        // Last, since others may read the statistics of a registered heap.
        _decay.Register();
    }

    public Arena Arena => _arena;

    public DecayTimer? Timer => _decay.Timer;

    public MetadataAllocator Metadata => _arena.Metadata;

    public OsMemory Os => _arena.Os;

    // How often a failed allocation made the heap release everything unused.
    public long ReclaimRounds => _reclaimer.Rounds;

    // Creates a cache for the calling thread, which has none in this heap. Returns null if memory is out.
    public override ThreadCache* TryCreateThreadCache()
    {
        ThreadCache* cache = _registry.TryGet();
        if (cache != null && cache->Inner != null)
        {
            _claims!.Attach(cache->Inner);
            cache->Checked = _quarantine == null ? cache->Inner : null;
        }

        if (cache != null)
        {
            UpdateCounting(ThreadCache.MagazinesOf(cache));
        }

        return cache;
    }

    // Allocates a block of any size and alignment (a power of two). Returns null if memory or the limit is out, even
    // after everything unused was released. That is not tried for impossible sizes, nor again after a failure unless
    // something was freed since.
    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        void* block = TryAllocateOnce(cache, byteCount, alignment, isZeroed);
        if (block == null && _arena.TryRefreshLimit())
        {
            block = TryAllocateOnce(cache, byteCount, alignment, isZeroed);
        }

        long hardBytes = Budget.HardBytes;
        if (block == null && byteCount <= (nuint)(hardBytes > 0 ? hardBytes : _arena.LimitBytes))
        {
            block = TryAllocateReclaiming(cache, byteCount, alignment, isZeroed);
        }

        NotifyUsed();
        return MarkLive(block);
    }

    // Allocates a block between guard pages, whatever its size, in a heap with full or checked hardening. Returns null
    // if memory is out; then nothing was released for it.
    public void* TryAllocateGuarded(ThreadCache* cache, nuint byteCount, nuint alignment)
    {
        void* block = Sampled(_kinds.Guarded.TryAllocate(cache, byteCount, alignment, isZeroed: false), byteCount);
        NotifyUsed();
        return MarkLive(block);
    }

    public override void Free(ThreadCache* cache, void* address)
    {
        if (cache != null && (cache->Profile != null || _sampling != null))
        {
            UpdateForm(cache);
        }

        HakmemCorruptionException? finding = FreeAny(cache, address, "Free");
        PurgeAndNotify();
        ThrowIfFound(finding);
    }

    // The steady state of a heap whose threads have front caches: returns a block from the cache with the magazines;
    // null if the slow path has to serve it.
    public void* TryAllocateLoaded(ThreadCache* cache, int index, nuint byteCount) =>
        ((PoisonedKind)_kinds.Small).TryAllocateLoaded(cache, index, byteCount);

    // Frees a block in the same steady state; returns false if the slow path has to decide.
    public bool TryFreeLoaded(ThreadCache* cache, void* address)
    {
        bool isFreed = ((PoisonedKind)_kinds.Small).TryFreeLoaded(
            cache, address, out bool isFlushed, out HakmemCorruptionException? finding);
        if (isFlushed)
        {
            PurgeAndNotify();
            ThrowIfFound(finding);
        }

        return isFreed;
    }

    // Returns a block from the secondary magazine of the calling thread's cache, or null: the most frequent slow path.
    public void* TryAllocateFromSecondary(ThreadCache* cache, int index) =>
        MarkLive(CacheExchange.TryAllocFromSecondary(cache, index));

    public override nuint UsableSize(ThreadCache* cache, void* address, string operation = "UsableSize") =>
        Resolve(cache, address, operation).Bytes;

    public override void RequireSize(ThreadCache* cache, void* address, nuint byteCount) =>
        Misuse.RequireSize(address, "Free", byteCount, Resolve(cache, address, "Free").Bytes);

    public override nuint GoodSize(nuint byteCount) => byteCount > (nuint)_arena.ReservedBytes
        ? byteCount
        : _kinds.For(byteCount, Geometry.MinAlignment).GoodSize(byteCount);

    public override bool Owns(void* address) => _kinds.Owns(address);

    // This and the next three are for a debugger's view.
    public override bool CanRead(void* start, nuint byteCount) => _kinds.CanRead(start, byteCount);

    public SuperSlabCache SuperSlabs => _superSlabs;

    public HeapBudget Budget => _superSlabs.Budget;

    // The allocator in front of this heap, for those who list heaps; null for one that another heap's allocator serves.
    // Written once with release, after the allocator is complete: a reader that sees null leaves the heap out.
    public object? Front
    {
        get => Volatile.Read(ref _front);
        set => Volatile.Write(ref _front, value);
    }

    // The other heap of the same budget, if there is one: see ReleaseForSibling. Written before it has blocks.
    public Heap? Sibling { get; set; }

    public override long CommittedBytes => _superSlabs.CommittedBytes;

    public override long LimitBytes => Budget.HardBytes;

    public HeapLimits Limits => _limits;

    // Has the next Trim throw a finding.
    public void Report(HakmemCorruptionException finding) => _decay.Report(finding);

    // Has the timer run the heap's decay at once. Never throws.
    public void ScheduleDecay() => _decay.ScheduleNow();

    // The same, and that run returns all unused memory.
    public void ScheduleTrim() => _decay.ScheduleTrim();

    // Releases what is unused. cache is the calling thread's, or null.
    public override void Trim(ThreadCache* cache)
    {
        HakmemCorruptionException? finding = TrimAll(cache);
        HakmemCorruptionException? earlier = _decay.TakeUnreported();
        _decay.Events.Tell();
        ThrowIfFound(finding ?? earlier);
    }

    // Releases everything, live blocks included.
    public override void Dispose()
    {
        EndProfiling();
        _decay.Stop();
        _registry.Clear();
        for (int sizeClass = 0; sizeClass < _depots.Count; sizeClass++)
        {
            _depots.Find(sizeClass)?.Clear();
        }

        // A free that has ended but for the purge after it may be purging: what it purges is in no list.
        using (_superSlabs.PurgeLock.Enter())
        using (_superSlabs.SyncRoot.Enter())
        {
            for (int slab = _superSlabs.NextOwned(0); slab >= 0; slab = _superSlabs.NextOwned(slab + 1))
            {
                _arena.SetEntries(slab << Geometry.UnitsPerSlabShift, Geometry.UnitsPerSlab, 0);
            }

            _superSlabs.ReleaseAll();
        }

        _kinds.Clear();
    }

    // Null without full hardening. For tests.
    public BlockQuarantine? Quarantine => _quarantine;

    public override HakmemStatistics GetStatistics() => ReadStatistics(evenIfStopped: true)!;

    // The same for those who do not know what the heap's owner does meanwhile: null once it is being disposed, which
    // waits for a reading in progress.
    public HakmemStatistics? TryGetStatistics() => ReadStatistics(evenIfStopped: false);

    // The heaps of the process's arena that are neither disposed nor collected.
    public static Heap[] ReadAll()
    {
        DecayTarget[] targets = DecayTimer.Process.ReadRegistered();
        Heap[] heaps = new Heap[targets.Length];
        int count = 0;
        foreach (DecayTarget target in targets)
        {
            if (target.Owner is Heap heap)
            {
                heaps[count++] = heap;
            }
        }

        Array.Resize(ref heaps, count);
        return heaps;
    }

    // Whether callers certainly hold no block. Also false while a thread is in a call that moves blocks. For a heap
    // that refuses new calls.
    public override bool IsUnused()
    {
        // The statistics count the blocks that are in no span. They may count a small block as free twice while its
        // magazine is exchanged, so these are counted separately.
        long[] held = new long[_classes.Length];
        long[] quarantined = new long[_classes.Length];
        if (GetStatistics().LiveBlocks != 0)
        {
            return false;
        }

        using (_decay.SyncRoot.Enter())
        {
            if (!_registry.TryCountHeld(_depots, _quarantine, held, quarantined))
            {
                return false;
            }
        }

        for (int index = 0; index < held.Length; index++)
        {
            if (held[index] > quarantined[index])
            {
                return false;
            }
        }

        foreach (BlockKind kind in _kinds.All)
        {
            if (!kind.IsIdle)
            {
                return false;
            }
        }

        return true;
    }

    // Checks the records of all layers against each other.
    public override HakmemVerification Verify()
    {
        int owned;
        using (_superSlabs.SyncRoot.Enter())
        {
            owned = _superSlabs.OwnedCount;
        }

        // Room for spans that the heap adds meanwhile; spans beyond it are not checked this time.
        HeapCheck check = new((owned + HeapVerifier.SpareSlabs) * Geometry.UnitsPerSlab);
        using (_decay.SyncRoot.Enter())
        {
            HeapVerifier.Verify(check, _arena, _superSlabs, _units, _depots, _kinds);
        }

        return new HakmemVerification
        {
            Problems = check.Describe(),
            SuperSlabs = check.SuperSlabs,
            Spans = check.SpanCount,
        };
    }

    public override HakmemHeapMap GetHeapMap() => HeapMapReader.Take(_arena, _superSlabs, _kinds);

    // Returns the exception for a failed allocation, with its cause.
    public override OutOfMemoryException OutOfMemory(nuint byteCount)
    {
        long committed = Budget.CommittedBytes;
        long wanted = (long)Math.Min(byteCount, long.MaxValue / 2);
        long hardBytes = Budget.HardBytes;
        if (hardBytes > 0 && committed + wanted > hardBytes)
        {
            return new OutOfMemoryException(
                $"Hakmem could not allocate {byteCount} bytes: {committed} of the heap's limit of " +
                $"{hardBytes} bytes are committed.");
        }

        long limit = _arena.LimitBytes;
        long taken = _arena.TakenBytes;
        if (limit < _arena.ReservedBytes && taken + wanted > limit)
        {
            return new OutOfMemoryException(
                $"Hakmem could not allocate {byteCount} bytes: {taken} of the {limit} bytes that the container's " +
                "memory limit leaves to all heaps are committed.");
        }

        string reason = _arena.Os.ExplainRefusal() ??
            $"the system refused more memory, or the {_arena.ReservedBytes} bytes of the arena have no free range of " +
            "that size.";
        return new OutOfMemoryException(
            $"Hakmem could not allocate {byteCount} bytes: {reason} {committed} bytes are committed.");
    }

    private static void ThrowIfFound(HakmemCorruptionException? finding)
    {
        if (finding is not null)
        {
            throw finding;
        }
    }

    // Called after a free, under no lock: purges the excess, and schedules the decay of the rest.
    private void PurgeAndNotify()
    {
        _superSlabs.PurgeExcess();
        NotifyUsed();
    }

    void ITeller.Tell() => NotifyUsed();

    // Never throws: the caller may hold a block that nothing else refers to.
    private void NotifyUsed()
    {
        if (Callouts.AreDeferred)
        {
            Callouts.NoteDeferred(this);
            return;
        }

        _decay.NotifyUsed();
        _decay.Events.Tell();
        Budget.TellIfAbove();
    }

    // Returns what is unused, for a request of the other heap of the budget that failed. Whether that was a round of
    // the reclaimer, which the caller calls off as a failure if it serves the request. Under no lock.
    private bool ReleaseForSibling(nuint byteCount)
    {
        bool isReclaimed = _reclaimer.TryReclaim(null, byteCount, out nuint corruptAddress);
        _decay.Report(corruptAddress);
        if (!isReclaimed)
        {
            _superSlabs.AwaitPurge();
        }

        using (_superSlabs.SyncRoot.Enter())
        {
            _superSlabs.ReleaseCached();
        }

        return isReclaimed;
    }

    // Returns damage or a double free found on the way, or null.
    private HakmemCorruptionException? TrimAll(ThreadCache* cache)
    {
        HakmemCorruptionException? finding = _kinds.Flush(cache);
        if (cache != null)
        {
            _exchange.FlushAll(cache);
        }

        HakmemCorruptionException? other = _decay.Trim();
        if (_quarantine != null)
        {
            // The blocks that other threads freed are in the quarantine now.
            HakmemCorruptionException? theirs = _kinds.Flush(null);
            _decay.Trim();
            finding ??= theirs;
        }

        return finding ?? other;
    }

    private void* TryAllocateOnce(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed) =>
        _sampling != null || (cache != null && (cache->Profile != null || IsCountingInVain(cache)))
            ? TryAllocateSampling(cache, byteCount, alignment, isZeroed)
            : TryAllocateUncounted(cache, byteCount, alignment, isZeroed);

    // Whether a cache still counts for a profiler that has gone.
    private bool IsCountingInVain(ThreadCache* cache) =>
        cache->CountsAllocations && _quarantine == null;

    private void* TryAllocateUncounted(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed) =>
        _kinds.For(byteCount, alignment).TryAllocate(cache, byteCount, alignment, isZeroed);

    // Allocates after a failure. Releases everything unused first, unless that would be in vain, and tries again in
    // either case, because memory may have become free meanwhile.
    private void* TryAllocateReclaiming(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        _decay.Report(_kinds.Flush(cache));
        bool isReclaimed = _reclaimer.TryReclaim(cache, nuint.Max(byteCount, alignment), out nuint corruptAddress);
        _decay.Report(corruptAddress);
        _decay.Report(_quarantine == null ? null : _kinds.Flush(null));
        if (!isReclaimed)
        {
            _superSlabs.AwaitPurge();
        }

        void* block = TryAllocateOnce(cache, byteCount, alignment, isZeroed);
        if (block == null && isReclaimed)
        {
            // The timer may have begun to purge what had become empty by then.
            _superSlabs.AwaitPurge();
            block = TryAllocateOnce(cache, byteCount, alignment, isZeroed);
        }

        if (block == null && Sibling is { } sibling)
        {
            bool isSiblingReclaimed = sibling.ReleaseForSibling(nuint.Max(byteCount, alignment));
            block = TryAllocateOnce(cache, byteCount, alignment, isZeroed);
            if (isSiblingReclaimed && block != null)
            {
                sibling._reclaimer.ForgetFailure();
            }
        }

        if (isReclaimed)
        {
            if (block != null)
            {
                _reclaimer.ForgetFailure();
            }

            _superSlabs.PurgeExcess();
        }

        return block;
    }

    // Throws if the block is free already. Returns a finding about another block, or null; the block is free in either
    // case.
    private HakmemCorruptionException? FreeAny(ThreadCache* cache, void* address, string operation)
    {
        if (_kinds.Small.TryFreeIntoFull(cache, address, out HakmemCorruptionException? finding))
        {
            return finding;
        }

        BlockInfo block = Claim(cache, address, operation);
        RemoveSample(block, address);
        return block.Kind.Free(cache, block, address);
    }

    // Resolves an address and throws if the block is known to be free. In a heap with a table of live blocks, the block
    // is no longer live afterwards, and only the calling thread may free it, or mark it again.
    private BlockInfo Claim(ThreadCache* cache, void* address, string operation)
    {
        if (_claims == null)
        {
            return Resolve(cache, address, operation);
        }

        ulong entry = _arena.EntryOf(address);
        BlockInfo block = _kinds.Resolve(address, operation);
        return _claims.TryClaimSlow(cache, address, entry)
            ? block : throw block.Kind.FreedAlready(block, address, operation);
    }

    // Resolves an address and throws if the block is known to be free.
    private BlockInfo Resolve(ThreadCache* cache, void* address, string operation)
    {
        BlockInfo block = _kinds.Resolve(address, operation);
        if (_claims == null)
        {
            block.Kind.RequireLive(cache, block, address, operation);
        }
        else if (!_claims.IsLive(address))
        {
            throw block.Kind.FreedAlready(block, address, operation);
        }

        return block;
    }

    private void* MarkLive(void* block) => _claims == null ? block : _claims.Mark(block);

    private HakmemStatistics? ReadStatistics(bool evenIfStopped)
    {
        StatisticsCollector collector = new(_arena, _superSlabs, _kinds);
        int threadCaches;
        long reapedBlocks;
        using (_decay.SyncRoot.Enter())
        {
            if (_decay.IsStopped && !evenIfStopped)
            {
                return null;
            }

            collector.Read();
            threadCaches = _registry.Count;
            reapedBlocks = _decay.ReapedBlocks;
        }

        return collector.ToStatistics() with
        {
            LimitBytes = LimitBytes,
            ThreadCaches = threadCaches,
            ReapedBlocks = reapedBlocks,
            FailedDecayPasses = _decay.FailedRuns,
            LastDecayFailure = _decay.LastFailure,
        };
    }
}
