using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// Sampling, for a heap profiler, which may start and stop at any time, and for guarded blocks. A heap with guarded
// sampling is as one with a profiler all its life.
//
// Every allocation is sampled with a probability that depends on its size alone. The slow paths decide: for small
// blocks in advance, see SampleCountdown. That needs paired bins for all classes, since a stack serves the block freed
// last again and again without the slow path. So the start of a profiler changes the form of bins, and its end changes
// it back, without a stop:
//
//   1. _sampling says what form is wanted.
//   2. New spans, and then all others, get page-map entries for that form (DepotSet.SetPaired).
//   3. Each thread changes its own cache at its next slow path, of Alloc or Free (UpdateForm). A block whose entry is
//      of the other form than the cache is freed by the slow path, so a thread that frees gets there soon.
//
// A small block that is sampled is served as a run of units, whose free takes the slow path. There, and at the free of
// any other large block, the sampler forgets the sample.
internal sealed unsafe partial class Heap
{
    // The part of a hard limit that live samples may take: an eighth.
    private const int SampledPart = 8;

    // The most flushes of all depots for one start or end of a profiler.
    private const int MaxFlushes = 4;

    // Held while a profiler starts or ends. Outside the registry's lock.
    private readonly UninterruptibleLock _profilingLock = new();

    // Null unless allocations are sampled. Written under _profilingLock; read by slow paths, which may act on an old
    // value for as long as one call takes.
    private volatile HeapSampling? _sampling;

    // The sampling, or 0 for none, that the depots were last flushed for, and how often. Interlocked; a race costs or
    // saves a flush.
    private long _flushedFor;
    private int _flushes;

    // Whether Dispose has begun. Guarded by _profilingLock.
    private bool _isClosed;

    // For tests: called by a slow path that has given the thread's cache its form.
    public Action? OnFormUpdated { get; set; }

    // Null unless the heap is profiled; may change at any time.
    public HeapSampler? Sampler => _sampling?.Profiler;

    // Starts to sample allocations. Returns false if the heap is profiled already.
    public bool TryStartProfiling(HeapSampler sampler)
    {
        HeapSampling sampling = new(sampler, _guardedSampling);
        using (_profilingLock.Enter())
        {
            if (Sampler != null || _isClosed)
            {
                return false;
            }

            StartSampling(sampling);
            return true;
        }
    }

    // Ends the profiling that the sampler was started for; does nothing if it has ended.
    public void StopProfiling(HeapSampler sampler)
    {
        HeapSampling? rest = _guardedSampling == null ? null : new HeapSampling(null, _guardedSampling);
        using (_profilingLock.Enter())
        {
            if (Sampler == sampler)
            {
                _sampling = rest;
                SetPaired(rest != null);
            }
        }
    }

    // Gives the calling thread's cache the form of bins that the heap has now. If memory is out, the cache stays as it
    // is, and its next slow path tries again.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void UpdateForm(ThreadCache* cache)
    {
        Debug.Assert(cache->Inner == null, "The record with the magazines has no Inner.");
        HeapSampling? sampling = _sampling;
        if (cache->Profile == null ? sampling == null : cache->Profile->Sampling == sampling?.Number)
        {
            if (sampling == null)
            {
                // A profiler may have come and gone without a slow path of this thread.
                UpdateCounting(cache);
            }

            return;
        }

        ProfileState* state = null;
        if (sampling != null)
        {
            state = (ProfileState*)_arena.Metadata.TryAllocate(ProfileState.Bytes);
            if (state == null)
            {
                return;
            }

            state->Sampling = sampling.Number;
            for (int sizeClass = 0; sizeClass < SizeClass.Count; sizeClass++)
            {
                sampling.Draw(ProfileState.BinOf(state, sizeClass), _classes[sizeClass].BlockBytes);
            }
        }

        ProfileState* old = cache->Profile;
        _exchange.FlushAll(cache);
        CacheGate.Close(cache);
        cache->Profile = state;
        int firstStacked = sampling != null ? SizeClass.Count : ThreadCaches.FirstStackedOf(_classes);
        ThreadCaches.SetForms(cache, _classes, _slot, firstStacked);
        CacheGate.Open(cache);
        if (old != null)
        {
            _arena.Metadata.Free(old, ProfileState.Bytes);
        }

        UpdateCounting(cache);
        FlushDepots(sampling);
    }

    // A cache that is changed leaves magazines with few blocks in the depots. A thread that got one of them would swap
    // its magazines every few allocations from then on. The first threads that change are those that are at work; later
    // ones leave the depots alone, which others use by then.
    private void FlushDepots(HeapSampling? sampling)
    {
        long number = sampling?.Number ?? 0;
        if (Interlocked.Exchange(ref _flushedFor, number) != number)
        {
            Volatile.Write(ref _flushes, 0);
        }

        if (Interlocked.Increment(ref _flushes) > MaxFlushes)
        {
            return;
        }

        for (int index = 0; index < _depots.Count; index++)
        {
            nuint corruptAddress = _depots.Find(index)?.FlushAll() ?? 0;
            _decay.Report(corruptAddress);
        }

        _superSlabs.PurgeExcess();
    }

    // As TryAllocateFromSecondary, for a profiled cache: null also if the next allocation is to be sampled, or if the
    // countdowns are those of an earlier profiler.
    public void* TryAllocateProfiledFromSecondary(ThreadCache* cache, int sizeClass) =>
        cache->Profile == null || cache->Profile->Sampling != _sampling?.Number || _quarantine != null
            ? null
            : MarkLive(SampleCountdown.TryAllocFromSecondary(cache, sizeClass));

    // Whether the slow paths of a cache have to go through the heap. A profiler that starts meanwhile sets the flag
    // after _sampling; so one of the two threads sees what the other has written.
    private void UpdateCounting(ThreadCache* cache)
    {
        bool isCounting;
        do
        {
            isCounting = _quarantine != null || cache->Profile != null || _sampling != null;
            cache->CountsAllocations = isCounting;
            Interlocked.MemoryBarrier();
        }
        while (!isCounting && _sampling != null);
    }

    // Allocates in a heap whose allocations are sampled, or with a cache that has not noticed yet that they no longer
    // are.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* TryAllocateSampling(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        if (cache != null)
        {
            UpdateForm(cache);
        }

        OnFormUpdated?.Invoke();
        HeapSampling? sampling = _sampling;
        if (sampling == null)
        {
            return TryAllocateUncounted(cache, byteCount, alignment, isZeroed);
        }

        if (!_kinds.Small.Serves(byteCount, alignment))
        {
            return Sampled(TryAllocateUncounted(cache, byteCount, alignment, isZeroed), byteCount);
        }

        int sizeClass = SmallKind.ClassFor(byteCount, alignment);
        void* block;
        if (cache == null || cache->Profile == null || cache->Profile->Sampling != sampling.Number)
        {
            // Also where the countdowns are those of a profiler that has just ended.
            ProfileBin drawn;
            sampling.DrawOne(&drawn, _classes[sizeClass].BlockBytes);
            block = TryAllocateDrawn(sampling, &drawn, cache, byteCount, alignment, sizeClass, isZeroed);
        }
        else
        {
            block = TryAllocateDue(sampling, cache, byteCount, alignment, sizeClass, isZeroed);
        }

        return block != null ? block : _kinds.Small.TryAllocate(cache, byteCount, alignment, isZeroed);
    }

    // Allocates a sampled block if the countdown of its class says that one is due, and draws the next; otherwise null.
    //
    // The next is drawn first: code of the program, such as a listener that is told of the sample, may allocate in the
    // middle of this, and may even end the profiler, which frees the countdowns.
    private void* TryAllocateDue(
        HeapSampling sampling, ThreadCache* cache, nuint byteCount, nuint alignment, int sizeClass, bool isZeroed)
    {
        ProfileBin* countdown = SampleCountdown.Sync(cache, sizeClass);
        if (countdown->Until > 0)
        {
            return null;
        }

        ProfileBin due = *countdown;
        sampling.Draw(countdown, _classes[sizeClass].BlockBytes);
        SampleCountdown.Apply(cache, sizeClass);
        void* block = TryAllocateDrawn(sampling, &due, cache, byteCount, alignment, sizeClass, isZeroed);
        if (block == null && cache->Profile != null)
        {
            // The small block that is served instead.
            SampleCountdown.Sync(cache, sizeClass)->Until++;
            SampleCountdown.Apply(cache, sizeClass);
        }

        return block;
    }

    // Allocates the block that was drawn, and notes it if it is for the profiler. Null if it was drawn for nothing, or
    // there is no room for it.
    private void* TryAllocateDrawn(
        HeapSampling sampling, ProfileBin* drawn, ThreadCache* cache, nuint byteCount, nuint alignment, int sizeClass,
        bool isZeroed)
    {
        double weight = HeapSampler.IsInside ? 0 : drawn->Weight;
        void* block = drawn->IsGuarded ? sampling.Guards!.TryAllocate(cache, byteCount, alignment, isZeroed) : null;
        if (block == null && weight > 0)
        {
            block = TryAllocateSample(
                sampling.Profiler!, byteCount, alignment, _classes[sizeClass].BlockBytes, isZeroed);
        }

        return block != null && weight > 0
            ? sampling.Profiler!.Add(block, byteCount, weight, (nuint)_classes[sizeClass].BlockBytes)
            : block;
    }

    // Samples take whole units, and must not use up what a limit leaves to the program.
    // Two heaps under one limit have half each.
    private long MostSampledBytes => Budget.HardBytes == 0 ? long.MaxValue
        : Budget.HardBytes / (Sibling is null ? SampledPart : 2 * SampledPart);

    // Allocates a block whose free takes the slow path. With full hardening it lies between guard pages, as larger
    // blocks do there. Null if memory is out.
    private void* TryAllocateSample(
        HeapSampler sampler, nuint byteCount, nuint alignment, int blockBytes, bool isZeroed)
    {
        // As for any other block, memory may only seem to be out.
        void* block = null;
        bool isTried = false;
        while (block == null && (!isTried || _arena.TryRefreshLimit()))
        {
            block = _quarantine != null
                ? _kinds.Guarded.TryAllocate(null, byteCount, alignment, isZeroed)
                : _kinds.UnitRuns.TryAllocateSample(byteCount, blockBytes, isZeroed, MostSampledBytes);
            isTried = true;
        }

        if (block == null)
        {
            sampler.CountLost();
        }

        return block;
    }

    // Draws whether a block that no size class serves is sampled, and notes it. Returns the block, which may be null.
    private void* Sampled(void* block, nuint byteCount)
    {
        HeapSampler? sampler = Sampler;
        if (block != null && sampler != null && sampler.IsDrawn(byteCount, out double weight))
        {
            sampler.Add(block, byteCount, weight, byteCount);
        }

        return block;
    }

    // Ends the sample of a block that is about to be freed, if it is one.
    private void RemoveSample(BlockInfo block, void* address)
    {
        if (block.Kind != _kinds.Small)
        {
            Sampler?.Remove(address);
        }
    }

    // A block that no size class serves was resized in place: it counts as freed and allocated.
    private void CountResized(void* address, nuint byteCount)
    {
        HeapSampler? sampler = Sampler;
        if (sampler != null)
        {
            sampler.Remove(address);
            Sampled(address, byteCount);
        }
    }

    // BlockKind.TryMoveHeld, after which another thread may allocate at the old address: so the sample is ended before.
    private void* TryMovePages(BlockInfo block, void* address, nuint byteCount)
    {
        HeapSampler? sampler = Sampler;
        Sample sample = default;
        bool isSample = sampler != null && sampler.TryTake(address, out sample);
        void* target = block.Kind.TryMoveHeld(block, byteCount);
        if (isSample && target != null)
        {
            HeapSampler.TellTaken(sample);
        }
        else if (isSample)
        {
            sampler!.PutBack(sample);
        }

        return target == null ? null : Sampled(target, byteCount);
    }

    // Apart, since a heap without it would otherwise load the classes too.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void StartGuardedSampling()
    {
        HeapSampling sampling = new(null, _guardedSampling);
        using (_profilingLock.Enter())
        {
            StartSampling(sampling);
        }
    }

    private void StartSampling(HeapSampling sampling)
    {
        _profilingLock.AssertHeld();
        _sampling = sampling;
        SetPaired(true);
        _registry.CountAllocations();
    }

    private void SetPaired(bool isPaired)
    {
        _profilingLock.AssertHeld();
        _depots.SetPaired(isPaired);
        ulong* entries = stackalloc ulong[Geometry.UnitsPerSlab];
        for (int slab = CopyEntries(0, entries); slab >= 0; slab = CopyEntries(slab + 1, entries))
        {
            int first = slab << Geometry.UnitsPerSlabShift;
            for (int i = 0; i < Geometry.UnitsPerSlab; i++)
            {
                DecodedEntry entry = PageMapEntry.Decode(entries[i]);
                if (entry.Kind == EntryKind.Span && entry.Address == (nuint)_arena.AddressOfUnit(first + i))
                {
                    _depots.Find(entry.BinIndex)?.RewriteEntries(first + i);
                }
            }
        }
    }

    // Copies the entries of the next SuperSlab with spans, and returns it; -1 if there is none. A span that is opened
    // later has the new form from the start.
    private int CopyEntries(int from, ulong* entries)
    {
        using (_superSlabs.SyncRoot.Enter())
        {
            int slab = _superSlabs.NextOwned(from);
            while (slab >= 0 && _arena.Slab(slab)->State != SuperSlabState.Spans)
            {
                slab = _superSlabs.NextOwned(slab + 1);
            }

            for (int i = 0; i < Geometry.UnitsPerSlab && slab >= 0; i++)
            {
                entries[i] = *_arena.EntryOf((slab << Geometry.UnitsPerSlabShift) + i);
            }

            return slab;
        }
    }

    // Before the heap's memory is released.
    private void EndProfiling()
    {
        using (_profilingLock.Enter())
        {
            _isClosed = true;
            Sampler?.RemoveAll();
            _sampling = null;
        }
    }
}
