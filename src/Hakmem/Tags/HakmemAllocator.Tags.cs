using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tags;

namespace Hakmem;

// Tagged blocks: what the other parts of this class ask about them.
public sealed unsafe partial class HakmemAllocator
{
    // The heap's tagged blocks; null until the first tag. Written once, with release.
    private TaggedHeap? _tagged;

    /// <summary>
    /// Returns an allocator of this heap whose blocks count for a tag, and which the tag's limits may refuse. Blocks of
    /// the heap and of all its tags can be freed, resized and measured through this heap and any of these allocators; a
    /// block keeps its tag.
    /// </summary>
    /// <remarks>
    /// Thread-safe. It returns the same object for a tag as long as the program refers to it. The first call makes a
    /// second heap for the tagged blocks of all tags: under the same limits and with the same options, but with caches
    /// of its own for each thread that allocates tagged blocks. This heap's figures, map and verification include it.
    /// </remarks>
    /// <param name="tag">The tag.</param>
    /// <returns>The allocator. It has no memory of its own and is not to be disposed.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="tag"/> is null.</exception>
    /// <exception cref="InvalidOperationException">65 535 tags are in use, or there are 8191 heaps.</exception>
    /// <exception cref="OutOfMemoryException">The address range that tags need, an eighth of all heaps', could not be
    /// reserved.</exception>
    /// <exception cref="ObjectDisposedException">The heap or the tag has been disposed.</exception>
    public IHakmemAllocator ForTag(MemoryTag tag)
    {
        Argument.RequireNotNull(tag);
        ThrowIfDisposed();
        Argument.RequireAlive(!tag.Account.IsClosed, typeof(MemoryTag));
        return MakeTagged().LedgerOf(tag.Account).ViewOf(tag);
    }

    // The heap's slot, which changes when it is disposed.
    internal int Slot => _slot;

    // Null in a fallback.
    internal Arena? Arena => _heap?.Arena;

    // A second heap under the same limits. The two are linked by Link.
    internal HakmemAllocator CreateSibling() => new(
        _heap?.Limits ?? new HeapLimits(), Arena, TakeSlot(Arena), _heap?.Timer, _budget);

    // Has each of two heaps under one limit return what is unused for the other.
    internal void Link(HakmemAllocator sibling)
    {
        if (_heap is not null)
        {
            _heap.Sibling = sibling._heap;
            sibling._heap.Sibling = _heap;
        }
    }

    // Has the timer return all unused memory.
    internal void ScheduleTrim() => _heap?.ScheduleTrim();

    // Throws unless a live block of at least so many bytes begins at an address that is to be freed. Returns its size.
    internal nuint RequireSize(void* ptr, nuint byteCount)
    {
        ThreadCache* cache = ThreadCache.MagazinesOf(GetCacheToFree());
        _core.RequireSize(cache, ptr, byteCount);
        return _core.UsableSize(cache, ptr);
    }

    // Counts a request that a tag's limit refused, before this heap was asked.
    internal void CountRefusalByTag() => Interlocked.Increment(ref _refusedAllocations);

    // As UsableSize, for a block of this half that is not null. operation: what the program asks for, for messages.
    internal nuint SizeFor(void* ptr, string operation) => _core.UsableSize(GetMagazines(), ptr, operation);

    // As UsableSize, for a block that the caller is sure of: does not throw while TryDispose has the heap closed.
    internal nuint SizeOfLive(void* ptr) => _core.UsableSize(null, ptr);

    // Has the next Trim throw what was found while an address had to be returned.
    internal void ReportLater(HakmemCorruptionException finding) => _heap?.Report(finding);

    // As Alloc, but null if there is no room.
    internal void* TryAllocAny(nuint byteCount)
    {
        ThreadCache* cache = CurrentThread.PeerOf(CurrentThread.Shared, _slot);
        void* block = cache == null ? null : TryTakeFrom(cache, byteCount);
        return block != null ? block : TryAllocSlow(byteCount, 1, isZeroed: false);
    }

    private bool IsTagged(void* ptr) => Volatile.Read(ref _tagged) is { } tagged && ptr != null && tagged.Owns(ptr);

    // As Free, for a block that is most probably tagged.
    internal void FreeAny(void* ptr)
    {
        if (!TryFreeTagged(ptr, 0))
        {
            Free(ptr);
        }
    }

    // Frees a block if it is a tagged one.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryFreeTagged(void* ptr, nuint byteCount)
    {
        bool isTagged = IsTagged(ptr);
        if (isTagged)
        {
            _tagged!.Free(ptr, byteCount);
        }

        return isTagged;
    }

    private nuint UsableSizeOfTagged(void* ptr) => _tagged!.UsableSize(ptr);

    private void* TryReallocTagged(void* ptr, nuint byteCount, nuint alignment) =>
        _tagged!.TryReallocate(ptr, byteCount, alignment, out _);

    private bool TryExpandTagged(void* ptr, nuint byteCount) => _tagged!.TryExpand(ptr, byteCount);

    private void TrimTagged() => Volatile.Read(ref _tagged)?.Blocks.Trim();

    private bool CanReadTagged(void* start, nuint byteCount) =>
        Volatile.Read(ref _tagged) is { } tagged && tagged.Blocks.CanRead(start, byteCount);

    private void DisposeTagged() => _tagged?.Dispose();

    private bool TryDisposeTagged() => _tagged is null || _tagged.TryDispose();

    private void* ReallocTagged(void* ptr, nuint byteCount, nuint alignment)
    {
        void* block = _tagged!.TryReallocate(ptr, byteCount, alignment, out TagAccount? refusing);
        return block != null ? block : throw _tagged.OutOfMemory(byteCount, refusing);
    }

    // Two threads may make one each; one of them is used.
    private TaggedHeap MakeTagged()
    {
        if (Volatile.Read(ref _tagged) is { } tagged)
        {
            return tagged;
        }

        TaggedHeap made = new(this);
        tagged = Interlocked.CompareExchange(ref _tagged, made, null);
        if (tagged is not null)
        {
            made.Dispose();
            return tagged;
        }

        Link(made.Blocks);
        ProfileTagged();
        return made;
    }

    // Has the profiler of this heap sample the tagged blocks too; called for the start of a profiler, for the first
    // tag, and when the tagged blocks lose a profiler: another one may have started meanwhile, and found them taken.
    internal void ProfileTagged()
    {
        if (_heap is null || Volatile.Read(ref _tagged) is not { } tagged)
        {
            return;
        }

        Heap blocks = tagged.Blocks._heap;
        HeapSampler? sampler = _heap.Sampler;
        while (sampler is not null && blocks.TryStartProfiling(sampler) && _heap.Sampler != sampler)
        {
            // A profiler that ends stops this heap's sampling first, and may have looked for tags already.
            blocks.StopProfiling(sampler);
            sampler = _heap.Sampler;
        }

        tagged.Blocks.UpdateCacheForm();
    }

    internal bool IsProfiled => _heap?.Sampler is not null;

    internal void StopProfilingTagged(HeapSampler sampler)
    {
        // Also while a TryDispose counts, which may leave them as they are; once they are disposed it does nothing.
        if (Volatile.Read(ref _tagged) is { Blocks._heap: not null } tagged)
        {
            tagged.Blocks._heap.StopProfiling(sampler);
            ProfileTagged();
        }
    }

    // Adds the tagged blocks to a figure of this heap's own blocks.

    private HakmemStatistics AddTagged(HakmemStatistics own) => Volatile.Read(ref _tagged) is { } tagged
        ? AddTagged(own, tagged, tagged.Blocks.GetStatistics())
        : own;

    // What is committed is at most the one figure for both, since one was read after the other.
    private HakmemStatistics AddTagged(HakmemStatistics own, TaggedHeap tagged, HakmemStatistics other)
    {
        long committed = Math.Min(own.CommittedBytes + other.CommittedBytes, _budget.CommittedBytes);
        return own with
        {
            LiveBytes = own.LiveBytes + other.LiveBytes,
            LiveBlocks = own.LiveBlocks + other.LiveBlocks,
            CachedBytes = own.CachedBytes + other.CachedBytes,
            CommittedBytes = committed,

            // Raised only after the bytes are added.
            PeakCommittedBytes = Math.Max(committed, _budget.PeakBytes),
            DirtyBytes = own.DirtyBytes + other.DirtyBytes,
            PurgedBytes = own.PurgedBytes + other.PurgedBytes,
            PurgeCalls = own.PurgeCalls + other.PurgeCalls,
            DepotExchanges = own.DepotExchanges + other.DepotExchanges,
            DepotWaits = own.DepotWaits + other.DepotWaits,
            ReapedBlocks = own.ReapedBlocks + other.ReapedBlocks,
            FailedDecayPasses = own.FailedDecayPasses + other.FailedDecayPasses,
            LastDecayFailure = own.LastDecayFailure ?? other.LastDecayFailure,
            SuperSlabsInUse = own.SuperSlabsInUse + other.SuperSlabsInUse,
            SuperSlabsCached = own.SuperSlabsCached + other.SuperSlabsCached,
            ThreadCaches = own.ThreadCaches + other.ThreadCaches,
            SizeClasses = AddClasses(own.SizeClasses, other.SizeClasses),
            RefusedAllocations = own.RefusedAllocations + other.RefusedAllocations,
            Tags = TagLedgers.Describe(tagged),
        };
    }

    private static SizeClassStatistics[] AddClasses(
        IReadOnlyList<SizeClassStatistics> own, IReadOnlyList<SizeClassStatistics> other) =>
        [.. own.Concat(other).GroupBy(row => row.BlockBytes).OrderBy(rows => rows.Key).Select(rows =>
            new SizeClassStatistics(
                rows.Key, rows.Sum(row => row.LiveBlocks), rows.Sum(row => row.CachedBlocks),
                rows.Sum(row => row.Spans), rows.Sum(row => row.SpanBytes)))];

    private HakmemVerification AddTagged(HakmemVerification own)
    {
        if (Volatile.Read(ref _tagged) is not { } tagged)
        {
            return own;
        }

        HakmemVerification other = tagged.Blocks.Verify();
        return new HakmemVerification
        {
            Problems = [.. own.Problems, .. other.Problems],
            SuperSlabs = own.SuperSlabs + other.SuperSlabs,
            Spans = own.Spans + other.Spans,
        };
    }

    private HakmemHeapMap AddTagged(HakmemHeapMap own) => Volatile.Read(ref _tagged) is not { } tagged
        ? own
        : new HakmemHeapMap
        {
            SuperSlabs =
                [.. own.SuperSlabs.Concat(tagged.Blocks.GetHeapMap().SuperSlabs).OrderBy(slab => slab.Address)],
        };
}
