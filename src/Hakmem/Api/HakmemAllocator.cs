using System;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Events;
using Hakmem.Guarded;
using Hakmem.Heaps;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Reclaim;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem;

/// <summary>A heap of unmanaged memory with a cache per thread: <see cref="Shared"/> serves the whole process, and an
/// isolated heap of your own releases all of its memory when it is disposed.</summary>
/// <remarks>
/// <para>
/// Thread-safe: any thread may free, resize or measure a block that another thread allocated. <see cref="Dispose"/>
/// must not run while another thread is in a call of the same heap.
/// </para>
/// <para>
/// A request of up to 1 MiB is served by the smallest of 112 size classes that fits it: 16-byte steps up to 256 bytes,
/// then eight classes to each doubling, so that a block has less than 12.5 % more bytes than the request from 128 bytes
/// on. Larger requests are served by whole SuperSlabs of 2 MiB. In the steady state <see cref="Alloc"/> and
/// <see cref="Free(void*)"/> run a few instructions without a lock or an atomic operation, and are inlined if the heap
/// is <see cref="Shared"/>.
/// </para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
[DebuggerTypeProxy(typeof(HeapDebuggerView))]
public sealed unsafe partial class HakmemAllocator : IHakmemAllocator, IDisposable
{
    private static readonly HakmemAllocator s_shared = CreateShared();

    // What every slow path ends in: _heap, or the fallback of a process that has no arena. Null in a shared heap that
    // could not be created; each of its slow paths throws _failure first.
    private readonly HeapCore _core;

    // The same if its threads have caches; otherwise null, and no thread has a cache, so that every call ends in a slow
    // path without one. What the paths with a cache call most often is called here, without a virtual call.
    private readonly Heap _heap;

    // The limits on what the heap commits. Null in an object that is in front of another allocator.
    private readonly HeapBudget _budget;

    // Why the shared heap cannot be used, or null. Written by the constructor, and by Retire while no other thread is
    // in the heap.
    private ExceptionDispatchInfo? _failure;

    // The heap's slot, or DisposedSlot. Written by Dispose, which must not run beside another call, and by TryDispose,
    // followed by a process-wide barrier. A stale value is the slot of the same heap; whoever has no cache yet reads it
    // again before it creates one.
    private int _slot;

    // Whether the heap's memory is released. Written once, before the release. Not derived from _slot, which TryDispose
    // closes and may open again.
    private bool _isGone;

    // 1 while a thread is in TryDispose. Interlocked.
    private int _isTryingDispose;

    // Allocations and resizes that ended without a block. Interlocked additions.
    private long _refusedAllocations;

    // No thread's table of peers has these slots, so every fast path of a disposed heap ends in its slow path, and so
    // does that of an isolated fallback.
    private const int DisposedSlot = int.MaxValue;
    private const int FallbackSlot = int.MaxValue - 1;

    /// <summary>Creates an isolated heap.</summary>
    /// <param name="options">The heap's options; null for the process's settings and the default values.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value of the options is out of its range.</exception>
    /// <exception cref="InvalidOperationException">There are 8191 heaps, or a setting cannot be parsed.</exception>
    /// <exception cref="OutOfMemoryException">The address range that all heaps share could not be reserved when the
    /// first heap was created.</exception>
    /// <exception cref="PlatformNotSupportedException"><see cref="IsSupported"/> is false, and the setting
    /// <c>Hakmem.RequireSupported</c> is true.</exception>
    public HakmemAllocator(HakmemOptions? options = null)
        : this(LimitsOf(options), ProcessArena.Instance)
    {
    }

    // For tests: a heap over the test's own arena, in which memory decays only by the test's own timer.
    internal HakmemAllocator(HakmemOptions options, Arena arena, DecayTimer? timer = null)
        : this(options.ToLimits(timer?.Time), arena, TakeSlot(arena), timer)
    {
    }

    /// <summary>
    /// The process-wide heap, which cannot be disposed. If it cannot be created, every use of it throws the reason:
    /// <see cref="InvalidOperationException"/> for a setting that cannot be parsed, <see cref="OutOfMemoryException"/>
    /// for too little address space, <see cref="PlatformNotSupportedException"/> if <see cref="IsSupported"/> is false
    /// and the setting <c>Hakmem.RequireSupported</c> is true.
    /// </summary>
    public static HakmemAllocator Shared => s_shared;

    /// <summary>
    /// Whether Hakmem's own allocator serves this process. It is false in a 32-bit process, on a system, processor or
    /// page size that Hakmem cannot manage memory on, and with the setting <c>Hakmem.ForceFallback</c>. Every heap then
    /// is a fallback: it serves each call by <see cref="NativeMemory"/> behind a header of some 60 bytes, with the same
    /// exceptions, <see cref="HakmemOptions.MaxBytes"/> and figures, but without thread caches, hardening and detection
    /// of double frees.
    /// </summary>
    /// <remarks>Thread-safe. The value does not change while the process runs. <see cref="GetStatistics"/> says the
    /// same of each heap (<see cref="HakmemStatistics.IsFallback"/>), and a fallback's first allocation says why in an
    /// event of the event source <c>Hakmem</c>.</remarks>
    public static bool IsSupported => ProcessArena.Unsupported is null;

    // The two fast paths. Their shape suits the JIT compiler: they read the thread-static first, whatever the heap, and
    // then run one chain of tests with one exit. That lets the compiler hoist the look-up of the thread-static (a call
    // of about 1.2 ns) out of a loop around them. It hoists only out of a loop that tests at its end, and .NET 10
    // converts a for or while loop to one only if the whole loop has at most a hundred nodes in the compiler's tree,
    // counted after inlining and before most is folded (benchmarks/LOG.md says how to count them). So every node is
    // spared: no helpers, since each inlined call leaves some; addresses as numbers, since pointers need casts; few
    // arguments. A loop of nothing but Alloc, or of Free over an array or a span, then has a hundred. One with both
    // has more. Where the heap is Shared and the call is inlined, the compiler evaluates the tests for it in the end,
    // and loads nothing of "this": a single slow path for both kinds of heap would need it, at each call.

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void* Alloc(nuint byteCount)
    {
        ThreadCache* cache = CurrentThread.Shared;
        nuint lastByte = byteCount - 1;
        if (cache != null && ReferenceEquals(this, s_shared) && lastByte < SizeClass.MaxBytes)
        {
            // The top of an empty magazine, and of a bin without a magazine, points at the null in front of the slots.
            Bin* bin = (Bin*)cache + (nint)SizeClass.PlaceOf(lastByte);
            void** top = bin->AllocTop;
            void* block = *top;
            if (block != null)
            {
                bin->AllocTop = top - 1;
                return block;
            }
        }

        return ReferenceEquals(this, s_shared)
            ? AllocSharedSlow(byteCount)
            : AllocBeside(cache, byteCount);
    }

    // As TryPutInto, which explains it.
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Free(void* ptr)
    {
        ThreadCache* cache = CurrentThread.Shared;
        if (cache != null && ReferenceEquals(this, s_shared))
        {
            nuint entry = *(nuint*)((nuint)cache->PageMap + (((nuint)ptr >> Arena.MapShift) & cache->PageMapMask));
            FreeSide* side = (FreeSide*)((nuint)cache + (ushort)entry);
            nuint offset = (nuint)ptr - entry - (nuint)side->Origin;
            if (offset < side->SpanBytes && offset * (nuint)side->Reciprocal < side->Reciprocal)
            {
                void** top = side->FreeTop;
                if (*top != ptr && (nint)top < (nint)side->FreeEnd)
                {
                    top[1] = ptr;
                    side->FreeTop = top + 1;
                    return;
                }
            }
        }

        if (ReferenceEquals(this, s_shared))
        {
            FreeSharedSlow(ptr);
        }
        else
        {
            FreeBeside(cache, ptr);
        }
    }

    // The calling thread's cache of the shared heap, created at first use; null if there is no memory for it, or the
    // process has no arena.
    internal static ThreadCache* GetSharedCache() => s_shared.GetCache();

    // Whether that can be other than null: false in a process without an arena.
    internal static bool HasThreadCaches => s_shared._heap is not null;

    // Alloc and Free of the shared heap, for a pool that keeps its thread's cache and so need not look it up. Null if
    // the cache has no block: then call Alloc.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void* TryAllocShared(ThreadCache* cache, nuint byteCount) => TryTakeFrom(cache, byteCount);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void FreeShared(ThreadCache* cache, void* ptr)
    {
        if (!TryPutInto(cache, ptr))
        {
            FreeSharedSlow(ptr);
        }
    }

    /// <inheritdoc/>
    public bool TryAlloc(nuint byteCount, out void* ptr)
    {
        ptr = TryAllocSlow(byteCount, 1, isZeroed: false);
        return ptr != null;
    }

    /// <inheritdoc/>
    public void* AllocZeroed(nuint byteCount)
    {
        if (byteCount < SmallKind.ZeroCheckBytes)
        {
            void* cleared = Alloc(byteCount);
            NativeMemory.Clear(cleared, byteCount);
            return cleared;
        }

        void* block = TryAllocSlow(byteCount, 1, isZeroed: true);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    /// <inheritdoc/>
    public void* AlignedAlloc(nuint byteCount, nuint alignment)
    {
        RequireAlignment(alignment);
        void* block = TryAllocSlow(byteCount, alignment, isZeroed: false);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    /// <inheritdoc/>
    public void* Realloc(void* ptr, nuint byteCount) =>
        ptr == null ? Alloc(byteCount) : Realloc(ptr, byteCount, alignment: 1);

    // Realloc and AlignedAlloc for an owner of a block that cannot handle an exception at the call. If there is no room
    // they return null, and the owner throws OutOfMemory(byteCount) later.
    internal void* TryRealloc(void* ptr, nuint byteCount, nuint alignment, bool isCounted = true)
    {
        if (IsTagged(ptr))
        {
            return TryReallocTagged(ptr, byteCount, alignment);
        }

        if (!isCounted && _core is ForeignHeap foreign)
        {
            return foreign.TryReallocUncounted(ptr, byteCount, alignment);
        }

        void* block = _core.TryReallocate(GetMagazines(), ptr, byteCount, alignment);
        return isCounted ? CountRefusal(block, byteCount) : block;
    }

    internal void* TryAllocAligned(nuint byteCount, nuint alignment) =>
        TryAllocSlow(byteCount, alignment, isZeroed: false);

    // See IUncountedAllocator.
    internal void* TryAllocUncounted(nuint byteCount) => _core is ForeignHeap foreign
        ? foreign.TryAllocUncounted(byteCount)
        : _core.TryAllocate(GetMagazines(), byteCount, alignment: 1, isZeroed: false);

    internal void CountRefused(nuint byteCount)
    {
        if (_core is ForeignHeap foreign)
        {
            foreign.CountRefused(byteCount);
        }
        else
        {
            CountRefusal(byteCount);
        }
    }

    internal OutOfMemoryException OutOfMemory(nuint byteCount) => _core.OutOfMemory(byteCount);

    /// <inheritdoc/>
    public nuint UsableSize(void* ptr) => ptr == null ? 0
        : IsTagged(ptr) ? UsableSizeOfTagged(ptr)
        : _core.UsableSize(GetMagazines(), ptr);

    /// <inheritdoc/>
    public bool Owns(void* ptr) => !_isGone && _failure is null && (_core.Owns(ptr) || IsTagged(ptr));

    /// <inheritdoc/>
    public void Trim()
    {
        try
        {
            _core.Trim(GetMagazines());
        }
        finally
        {
            // Also if the own half has found a double free.
            TrimTagged();
        }
    }

    // How many times all unused memory was reclaimed after an allocation had failed; for tests.
    internal long ReclaimRounds => _heap.ReclaimRounds;

    /// <inheritdoc/>
    public HakmemStatistics GetStatistics()
    {
        ThrowIfDisposed();
        return AddEstimates(AddTagged(AddCallbackFailures(_core.GetStatistics()) with
        {
            RefusedAllocations = Interlocked.Read(ref _refusedAllocations),
            CorruptionReports = HakmemCorruptionException.Count,
        }));
    }

    // Whether the heap's memory is released, for objects that outlive the heap. The read is plain and publishes
    // nothing: a thread whose use is ordered after the disposal sees it, and for a thread that races with the disposal
    // no ordering would help, since the memory may be released between this read and the use.
    internal bool IsDisposed => _isGone;

    /// <summary>Returns every SuperSlab of this heap with the contents of each of its 64 KiB units, for pictures of the
    /// heap and for the diagnosis of fragmentation.</summary>
    /// <remarks>
    /// Thread-safe. The call takes time in proportion to the number of SuperSlabs, during which the slow paths of other
    /// threads may wait, and allocates less than 1 KiB of managed memory for each SuperSlab. Do not call it on every
    /// request.
    /// </remarks>
    /// <returns>A copy, which later calls do not change. It is empty for a fallback (see <see cref="IsSupported"/>).
    /// </returns>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public HakmemHeapMap GetHeapMap()
    {
        ThrowIfDisposed();
        return AddTagged(_core.GetHeapMap());
    }

    /// <summary>
    /// Checks the invariants of this heap's own records in every layer against each other: SuperSlabs, page map, units,
    /// runs, spans, depots. It finds records that a stray write or a bug has damaged, not misuse of blocks.
    /// </summary>
    /// <remarks>
    /// Thread-safe, also while other threads allocate and free: each layer is checked under its lock. It costs some
    /// microseconds for each SuperSlab, during which the slow paths of other threads may wait: for tests, and for a
    /// service that looks for the cause of a corruption.
    /// </remarks>
    /// <returns>What was checked, and each invariant that does not hold with its address.</returns>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public HakmemVerification Verify()
    {
        ThrowIfDisposed();
        return AddTagged(_core.Verify());
    }

    // Takes a block from a thread's cache; null if the cache has none.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void* TryTakeFrom(ThreadCache* cache, nuint byteCount)
    {
        nuint lastByte = byteCount - 1;
        if (lastByte >= SizeClass.MaxBytes)
        {
            return null;
        }

        // The top of an empty magazine, and of a bin without a magazine, points at the null in front of the slots.
        Bin* bin = ThreadCache.BinAt(cache, SizeClass.IndexOf(lastByte));
        void** top = bin->AllocTop;
        void* block = *top;
        if (block != null)
        {
            bin->AllocTop = top - 1;
        }

        return block;
    }

    // Frees a block to a thread's cache; false if the slow path has to free it. Not for a cache that is the Inner of
    // another.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryPutInto(ThreadCache* cache, void* ptr)
    {
        ulong entry = Arena.EntryOf(cache, ptr);
        return TryPutInto(ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry)), entry, ptr);
    }

    // The same with the entry of the block's address, and the side that it leads to.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryPutInto(FreeSide* put, ulong entry, void* ptr)
    {
        // Rejects every address that is not a block of this heap.
        if (FreeSide.Admits(put, entry, ptr))
        {
            // The first test finds the commonest double free, that of the block freed last. It comes before the test of
            // the limit, because the reaper closes a bin before it takes the block.
            void** top = put->FreeTop;
            if (*top != ptr && FreeSide.HasRoom(put, top))
            {
                top[1] = ptr;
                put->FreeTop = top + 1;
                return true;
            }
        }

        return false;
    }

    // Alloc and Free of an isolated heap. shared is the calling thread's cache of the shared heap, or null.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocBeside(ThreadCache* shared, nuint byteCount)
    {
        ThreadCache* cache = CurrentThread.PeerOf(shared, _slot);
        void* block = cache != null ? TryTakeFrom(cache, byteCount) : null;
        return block != null ? block : AllocSlow(cache, byteCount);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FreeBeside(ThreadCache* shared, void* ptr)
    {
        ThreadCache* cache = CurrentThread.PeerOf(shared, _slot);
        if (cache == null || !TryPutInto(cache, ptr))
        {
            FreeSlow(cache, ptr);
        }
    }

    // Every call of a heap with full or checked hardening ends here, since the bins of its caches stay empty (see
    // ThreadCache.Inner); its steady state is tried first.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* AllocSharedSlow(nuint byteCount)
    {
        ThreadCache* cache = CurrentThread.Shared;
        nuint lastByte = byteCount - 1;
        if (cache != null && cache->Checked != null && lastByte < SizeClass.MaxBytes)
        {
            void* block = CheckedPaths.TryAllocate(cache->Checked, SizeClass.IndexOf(lastByte));
            if (block != null)
            {
                return block;
            }
        }

        return s_shared.AllocSlow(cache, byteCount);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FreeSharedSlow(void* ptr)
    {
        ThreadCache* cache = CurrentThread.Shared;
        if (cache != null && cache->Checked != null && CheckedPaths.TryFree(cache->Checked, ptr))
        {
            return;
        }

        s_shared.FreeSlow(cache, ptr);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocSlow(ThreadCache* cache, nuint byteCount)
    {
        nuint lastByte = byteCount - 1;
        void* block = null;
        if (cache != null && lastByte < SizeClass.MaxBytes)
        {
            uint index = SizeClass.IndexOf(lastByte);
            block = cache->Inner == null ? null
                : cache->Checked != null ? CheckedPaths.TryAllocate(cache->Checked, index)
                : _heap.TryAllocateLoaded(cache->Inner, (int)index, byteCount);
            cache = ThreadCache.MagazinesOf(cache);
            Debug.Assert(cache->Inner == null, "The record with the magazines has no Inner.");
            if (block == null)
            {
                block = !cache->CountsAllocations ? _heap.TryAllocateFromSecondary(cache, (int)index)
                    : cache->Profile != null ? _heap.TryAllocateProfiledFromSecondary(cache, (int)index) : null;
            }
        }

        block = block != null ? block : TryAllocSlow(byteCount, 1, isZeroed: false);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    // The cache is the calling thread's; null if it has none yet or there was no memory for it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FreeSlow(ThreadCache* cache, void* ptr)
    {
        if (_tagged is not null && TryFreeTagged(ptr, 0))
        {
            return;
        }

        cache = cache == null ? GetCacheToFree() : cache;
        if (ptr == null || (cache != null && cache->Inner != null && (cache->Checked != null
            ? CheckedPaths.TryFree(cache->Checked, ptr)
            : _heap.TryFreeLoaded(cache->Inner, ptr))))
        {
            return;
        }

        _core.Free(ThreadCache.MagazinesOf(cache), ptr);
    }

    private void* TryAllocSlow(nuint byteCount, nuint alignment, bool isZeroed) =>
        CountRefusal(_core.TryAllocate(GetMagazines(), byteCount, alignment, isZeroed), byteCount);

    private void* CountRefusal(void* block, nuint byteCount)
    {
        if (block == null)
        {
            CountRefusal(byteCount);
        }

        return block;
    }

    // The committed bytes are those that the limit is for: of this heap and of its tagged blocks. What is behind an
    // object in front of another allocator tells by itself; to ask that for its figures may take long, or throw.
    private void CountRefusal(nuint byteCount)
    {
        Interlocked.Increment(ref _refusedAllocations);
        if (_core is not ForeignHeap)
        {
            HakmemEventSource.TellRefused(
                _slot, (long)Math.Min(byteCount, long.MaxValue), _budget.CommittedBytes, _core.LimitBytes);
        }
    }

    [DoesNotReturn]
    private void* ThrowOutOfMemory(nuint byteCount) => throw _core.OutOfMemory(byteCount);

    private void ThrowIfDisposed()
    {
        _failure?.Throw();
        Argument.RequireAlive(_slot != DisposedSlot, typeof(HakmemAllocator));
    }

    // The record with the calling thread's magazines: its cache, or the Inner of that.
    private ThreadCache* GetMagazines() => ThreadCache.MagazinesOf(GetCache());

    // The calling thread's cache of this heap, created at first use; null if there is no memory for it, or the heap is
    // a fallback.
    private ThreadCache* GetCache()
    {
        ThreadCache* cache = CurrentThread.Shared;
        if (!ReferenceEquals(this, s_shared))
        {
            return GetCacheBeside(cache);
        }

        if (cache == null)
        {
            _failure?.Throw();
            cache = TryMakeCache(HeapSlots.Shared);
        }

        return cache;
    }

    // GetCache of an isolated heap.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ThreadCache* GetCacheBeside(ThreadCache* shared)
    {
        // Read once: a concurrent TryDispose may change it and change it back.
        int slot = Volatile.Read(ref _slot);
        _failure?.Throw();
        Argument.RequireAlive(slot != DisposedSlot, typeof(HakmemAllocator));
        Debug.Assert(slot != HeapSlots.Shared, "The cache of the shared heap is not in the table of peers.");
        ThreadCache* cache = CurrentThread.PeerOf(shared, slot);
        if (cache != null)
        {
            return cache;
        }

        if (_heap is null)
        {
            return null;
        }

        // The table of peers comes first: a cache that no table has would be lost.
        ThreadCache* home = GetSharedCache();
        if (home == null || !CurrentThread.TryMakeRoom(Shared._heap.Metadata, slot))
        {
            return null;
        }

        return TryMakeCache(slot);
    }
}
