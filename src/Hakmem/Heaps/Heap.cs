using System;
using System.Threading;
using Hakmem.Guarded;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Reclaim;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// One heap: puts the layers together, and is the slow path of everything that HakmemAllocator's inlined paths do not do themselves.
//
// Everything a heap has can be given back at once, because SuperSlabs belong to heaps: see Dispose.
//
// Thread-safe, except that Dispose must not run beside other calls (that is the caller's contract). Locks, outermost
// first: reclaimer, decay, registry of thread caches, a cache's gate, depot, SuperSlabs, arena; then the peer tables',
// then the metadata's. The purge lock stands above the SuperSlabs', with no depot's lock held; those of hardening are
// in docs/concurrency.md.
internal sealed unsafe partial class Heap
{
    // From this size on, a zeroed allocation asks whether memory is known to be zero before it clears it. Below, the answer costs more
    // than the clearing.
    public const nuint ZeroCheckBytes = 32 << 10;

    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    private readonly Arena _arena;
    private readonly HeapLimits _limits;
    private readonly SuperSlabCache _superSlabs;
    private readonly UnitAllocator _units;
    private readonly RunAllocator _runs;
    private readonly LargeBlocks _large;
    private readonly DepotBudget _depotBudget = new();
    private readonly DepotSet _depots;
    private readonly CacheExchange _exchange;
    private readonly ThreadCacheRegistry _registry;
    private readonly HeapDecay _decay;
    private readonly BlockResolver _resolver;
    private readonly SizeClassInfo[] _classes;
    private readonly int _slot;

    // The growth count at which dead threads were last looked for. A stale reading looks once too often or once too late.
    private volatile int _lookedForDeadAt;

    public Heap(Arena arena, int slot, HeapLimits limits, DecayTimer? timer)
    {
        _arena = arena;
        _slot = slot;
        _limits = limits;
        bool isFull = limits.Hardening == HardeningLevel.Full;
        _classes = isFull ? SizeClassInfo.CreateTable(PoisonedBlocks.MaxMagazine)
            : limits.GuardedSampleInterval > 0 ? SizeClassInfo.CreateTable(limits.GuardedSampleInterval)
            : s_classes;
        _superSlabs = new SuperSlabCache(arena, slot, limits);
        _units = new UnitAllocator(_superSlabs);
        _runs = new RunAllocator(_superSlabs);
        _large = new LargeBlocks(arena, _superSlabs, _units, _runs);
        _depots = new DepotSet(arena, _units, slot, _classes, _depotBudget, isPlacedAtRandom: isFull);
        _poisoned = isFull ? NewPoisoned() : null;
        _exchange = new CacheExchange(_depots, _classes, _poisoned);
        bool isChecked = limits.Hardening == HardeningLevel.Checked;
        _live = isChecked || isFull ? RequireLiveTable(arena) : null;
        _registry = new ThreadCacheRegistry(arena, slot, _classes, _exchange, limits.ThreadCacheBytes, isFronted: isChecked || isFull);
        _decay = new HeapDecay(
            limits, _superSlabs, _units, _depots, _registry, new CacheReaper(_depots, arena.Metadata, _poisoned), timer, _poisoned);
        _decay.Register();
        _reclaimer = new Reclaimer(_decay, _depots, _registry, _exchange, _classes);
        if (isFull || limits.GuardedSampleInterval > 0)
        {
            Harden(isFull);
        }

        _resolver = new BlockResolver(arena, slot, _classes, _large, _guards);
    }

    public MetadataAllocator Metadata => _arena.Metadata;

    // A cache of this heap for the calling thread, which has none. Null if memory is out.
    public ThreadCache* TryCreateThreadCache()
    {
        ThreadCache* cache = _registry.TryGet();
        if (cache != null && cache->Inner != null)
        {
            cache->Inner->Live = _live;
            cache->Checked = _poisoned == null ? cache->Inner : null;
        }

        return cache;
    }

    // Any size and alignment (a power of two). Null if memory or the limit is out, even with everything unused given
    // up; that is not tried for a size that can never be had, nor again where it was in vain and nothing was freed
    // since.
    public void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        void* block = TryAllocateOnce(cache, byteCount, alignment, isZeroed);
        if (block == null && _arena.TryLearnLimit())
        {
            block = TryAllocateOnce(cache, byteCount, alignment, isZeroed);
        }

        if (block == null && byteCount <= (nuint)(_limits.MaxBytes > 0 ? _limits.MaxBytes : _arena.LimitBytes))
        {
            block = TryAllocateReclaiming(cache, byteCount, alignment, isZeroed);
        }

        _decay.NotifyUsed();
        return MarkLive(block);
    }

    public void Free(ThreadCache* cache, void* address)
    {
        HakmemCorruptionException? finding = FreeAny(cache, address, "Free");
        PurgeAndNotify();
        ThrowIfFound(finding);
    }

    public nuint UsableSize(ThreadCache* cache, void* address) => Resolve(cache, address, "UsableSize").Bytes;

    public bool Owns(void* address) => _resolver.Owns(address);

    // Gives back what is not in use; cache is the calling thread's, or null.
    public void Trim(ThreadCache* cache)
    {
        HakmemCorruptionException? finding = TrimAll(cache);
        HakmemCorruptionException? earlier = _decay.TakeUnreported();
        ThrowIfFound(finding ?? earlier);
    }

    // Gives back everything, live blocks included.
    public void Dispose()
    {
        _decay.Stop();
        _registry.Clear();
        for (int sizeClass = 0; sizeClass < _depots.Count; sizeClass++)
        {
            _depots.Find(sizeClass)?.Clear();
        }

        using (_superSlabs.SyncRoot.Enter())
        {
            for (int slab = _superSlabs.NextOwned(0); slab >= 0; slab = _superSlabs.NextOwned(slab + 1))
            {
                _arena.SetEntries(slab << Geometry.UnitsPerSlabShift, Geometry.UnitsPerSlab, 0);
            }

            _superSlabs.ReleaseAll();
        }

        _guards?.Clear();
        _poisoned?.Clear();
    }

    public HakmemStatistics GetStatistics()
    {
        StatisticsCollector census = new(_arena, _superSlabs, _runs, _depots, _classes);
        int threadCaches;
        long reapedBlocks;
        using (_decay.SyncRoot.Enter())
        {
            _registry.CountBlocks(census.CachedBlocks);
            _poisoned?.CountBlocks(census.CachedBlocks);
            census.Read(_guards?.Figures ?? default);
            threadCaches = _registry.Count;
            reapedBlocks = _decay.ReapedBlocks;
        }

        return census.ToStatistics(threadCaches, reapedBlocks) with
        {
            FailedDecayLooks = _decay.FailedLooks,
            LastDecayFailure = _decay.LastFailure,
        };
    }

    // Whether callers hold no block, for certain. False also while a thread is within a call that moves blocks. For a
    // heap that refuses new calls.
    public bool IsUnused()
    {
        // The statistics tell of the blocks that lie in no span. Of others they may count some as free twice, where a
        // magazine changes hands.
        long[] held = new long[_classes.Length];
        long[] quarantined = new long[_classes.Length];
        if (GetStatistics().LiveBlocks != 0)
        {
            return false;
        }

        using (_decay.SyncRoot.Enter())
        {
            if (!_registry.TryCountHeld(_depots, _poisoned, held, quarantined))
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

        return true;
    }

    public HakmemHeapMap GetHeapMap() => HeapMapReader.Take(_arena, _superSlabs, _classes);

    // Why an allocation of this many bytes failed.
    public OutOfMemoryException OutOfMemory(nuint byteCount)
    {
        long committed = _superSlabs.CommittedBytes;
        long wanted = (long)Math.Min(byteCount, long.MaxValue / 2);
        if (_limits.MaxBytes > 0 && committed + wanted > _limits.MaxBytes)
        {
            return new OutOfMemoryException(
                $"Hakmem could not allocate {byteCount} bytes: {committed} of the heap's limit of {_limits.MaxBytes} bytes are committed.");
        }

        long limit = _arena.LimitBytes;
        long taken = _arena.TakenBytes;
        if (limit < _arena.ReservedBytes && taken + wanted > limit)
        {
            return new OutOfMemoryException(
                $"Hakmem could not allocate {byteCount} bytes: {taken} of the {limit} bytes that the container's memory limit leaves to all heaps are committed.");
        }

        string reason = _arena.Os.IsOutOfMappings(out long mappings)
            ? $"the process has used up the {mappings} memory mappings that vm.max_map_count allows it; raise that (sysctl -w vm.max_map_count={2 * mappings})."
            : $"the system refused more memory, or the {_arena.ReservedBytes} bytes of the arena have no free range of that size.";
        return new OutOfMemoryException($"Hakmem could not allocate {byteCount} bytes: {reason} {committed} bytes are committed.");
    }

    private static void ThrowIfFound(HakmemCorruptionException? finding)
    {
        if (finding is not null)
        {
            throw finding;
        }
    }

    // After something was freed, under no lock: purges what may not stay, and has the rest looked at in time.
    private void PurgeAndNotify()
    {
        _superSlabs.PurgeExcess();
        _decay.NotifyUsed();
    }

    // Gives what was found on the way: a block that was free already, or one that was written to while it was.
    private HakmemCorruptionException? TrimAll(ThreadCache* cache)
    {
        HakmemCorruptionException? finding = FlushQuarantines(cache);
        if (cache != null)
        {
            _exchange.FlushAll(cache);
        }

        HakmemCorruptionException? other = _decay.Trim();
        if (_poisoned != null)
        {
            // What other threads had put is in quarantine now.
            HakmemCorruptionException? theirs = _poisoned.Flush();
            _decay.Trim();
            finding ??= theirs;
        }

        return finding ?? other;
    }

    private void* TryAllocateOnce(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        void* guarded = _guards == null ? null : TryAllocateHardened(cache, byteCount, alignment, isZeroed);
        if (guarded != null || _poisoned != null)
        {
            return guarded;
        }

        int index = ClassFor(byteCount, alignment);
        if (index < 0)
        {
            return _large.TryAllocateRun(byteCount, alignment, isZeroed);
        }

        bool isZero = false;
        void* block = null;
        if (cache != null && !(isZeroed && byteCount >= ZeroCheckBytes && CacheExchange.CountOf(cache, index) == 0))
        {
            block = TakeCached(cache, index);
        }

        block = block == null ? _depots[index].TryAllocOne(out isZero) : block;
        if (block != null && isZeroed && !isZero)
        {
            new Span<byte>(block, (int)byteCount).Clear();
        }

        return block;
    }

    // Gives and throws what FreeResolved does.
    private HakmemCorruptionException? FreeAny(ThreadCache* cache, void* address, string operation)
    {
        int full = cache == null || _live != null ? -1 : CacheExchange.ClassIfFull(cache, address);
        return full >= 0
            ? FinishFree(full, _exchange.Put(cache, full, address))
            : FreeResolved(cache, address, Claim(cache, address, operation));
    }

    // Throws if the block is free already. What it gives instead of throwing was found on the way; the free is done all
    // the same.
    private HakmemCorruptionException? FreeResolved(ThreadCache* cache, void* address, BlockInfo block)
    {
        if (_guards != null && (block.Kind == BlockKind.Guarded || _poisoned != null))
        {
            return FreeHardened(block, address);
        }

        if (block.Kind != BlockKind.Small)
        {
            if (!_large.TryFree(block, address))
            {
                throw LateMisuse(address, "Free");
            }

            return null;
        }

        nuint corruptAddress = 0;
        if (!(cache != null
            ? _exchange.TryPut(cache, block.SizeClass, address, isLive: _live != null, out corruptAddress)
            : _depots[block.SizeClass].TryFreeOne(address)))
        {
            throw Misuse.Of(address, "Free", "it was freed already");
        }

        return FinishFree(block.SizeClass, corruptAddress);
    }

    // What is left to do after a block went to a magazine or span, given what was found corrupt on the way. Gives the
    // same as an error, or null.
    private HakmemCorruptionException? FinishFree(int sizeClass, nuint corruptAddress)
    {
        if (_depotBudget.IsExceeded)
        {
            nuint found = _depotBudget.FlushExcess(_depots, sizeClass);
            corruptAddress = found != 0 ? found : corruptAddress;
        }

        return Misuse.LateDoubleFree(corruptAddress);
    }

    private void* TakeCached(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        void** top = bin->AllocTop;
        void* block = *top;
        if (block != null)
        {
            bin->AllocTop = top - 1;
            return block;
        }

        block = _exchange.TryTake(cache, index, out nuint corruptAddress);
        if (corruptAddress != 0)
        {
            throw Misuse.Of((void*)corruptAddress, "Alloc", "an earlier double free: the block was about to be handed out twice");
        }

        if (_sampler != null)
        {
            AllocationSampler.Count(cache, 1 + CacheExchange.VisibleOf(cache, index));
        }

        // The heap grew: before it does so again, see whether dead threads have blocks.
        int growth = _superSlabs.GrowthCount;
        if (growth != _lookedForDeadAt)
        {
            _lookedForDeadAt = growth;
            _registry.FlushDead();
        }

        return block;
    }

    // The size class for a request, or -1 if it needs a run.
    private static int ClassFor(nuint byteCount, nuint alignment)
    {
        if (byteCount > SizeClass.MaxBytes || alignment > Geometry.UnitBytes)
        {
            return -1;
        }

        // A span begins at a unit, so a block is aligned as its size class is.
        nuint size = (nuint.Max(byteCount, 1) + alignment - 1) & ~(alignment - 1);
        int index = (int)SizeClass.IndexOf(size - 1);
        while (alignment > Geometry.MinAlignment && (nuint)s_classes[index].BlockBytes % alignment != 0)
        {
            index++;
        }

        return index;
    }

    // Resolves an address and refuses it if it is known to be free.
    private BlockInfo Resolve(ThreadCache* cache, void* address, string operation)
    {
        BlockInfo block = _resolver.Resolve(address, operation);
        if (_live != null || block.Kind == BlockKind.Guarded)
        {
            RequireLive(block, address, operation);
        }
        else if (block.Kind == BlockKind.Small &&
            ((cache != null && CacheExchange.Contains(cache, block.SizeClass, address)) ||
                _resolver.IsFreeInSpan(block)))
        {
            throw Misuse.Of(address, operation, "it was freed already");
        }

        return block;
    }

    // Of a block that was there when it was looked for, and is no longer.
    private static HakmemCorruptionException LateMisuse(void* address, string operation) =>
        Misuse.Of(address, operation, "it was freed already, or another thread is resizing it");
}
