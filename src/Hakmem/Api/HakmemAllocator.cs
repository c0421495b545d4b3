using System;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Heaps;
using Hakmem.Pages;
using Hakmem.Reclaim;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem;

/// <summary>
/// An unmanaged-memory heap with a cache per thread: <see cref="Shared"/> for the whole process, or one of your own that gives
/// everything back when it is disposed.
/// </summary>
/// <remarks>
/// <para>Thread-safe: any thread may free, resize or measure what another allocated. <see cref="Dispose"/> must not run beside other calls.</para>
/// <para>
/// Up to 1 MiB a request is served by the smallest of 112 size classes that fits (16-byte steps to 256 bytes, then eight to a
/// doubling: less than 12.5 % above the request from 128 bytes on); larger ones by whole SuperSlabs of 2 MiB. The steady state of
/// <see cref="Alloc"/> and <see cref="Free"/> is a few instructions without a lock or an atomic operation, inlined where the heap is
/// <see cref="Shared"/>.
/// </para>
/// </remarks>
public sealed unsafe partial class HakmemAllocator : IHakmemAllocator, IDisposable
{
    private static readonly HakmemAllocator s_shared = CreateShared();

    // Null in the shared heap where that could not be made; every slow path of it then throws _failure first.
    private readonly Heap _heap;

    // What keeps the shared heap from being used; else null. Written when it is made, or by Retire, when no other
    // thread is in it.
    private ExceptionDispatchInfo? _failure;

    // The heap's slot, or DisposedSlot. Written by Dispose, which by contract runs beside no other call, and by
    // TryDispose, with a barrier that all threads take part in. Each slow path reads it once more than the fast path
    // did; a stale reading is of the same heap.
    private int _slot;

    // No thread's table reaches this far, so every fast path of a disposed heap ends in its slow path.
    private const int DisposedSlot = int.MaxValue;

    /// <summary>Creates an isolated heap.</summary>
    /// <param name="options">How it behaves; null for the process's settings and the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value in <paramref name="options"/> is out of its range.</exception>
    /// <exception cref="InvalidOperationException">There are 8191 isolated heaps already, or a setting cannot be understood.</exception>
    /// <exception cref="OutOfMemoryException">The address range that all heaps share could not be reserved when it was first needed.</exception>
    /// <exception cref="PlatformNotSupportedException">The system is not supported.</exception>
    public HakmemAllocator(HakmemOptions? options = null)
        : this((options ?? new HakmemOptions()).ToLimits(), ProcessArena.Instance, TakeSlot(ProcessArena.Instance), DecayTimer.Process)
    {
    }

    // For tests: a heap over an arena of their own, where nothing decays but by a timer of their own.
    internal HakmemAllocator(HakmemOptions options, Arena arena, DecayTimer? timer = null)
        : this(options.ToLimits(timer?.Time), arena, TakeSlot(arena), timer)
    {
    }

    /// <summary>
    /// The process-wide heap. It cannot be disposed. Where it cannot be made, every use of it throws why:
    /// <see cref="InvalidOperationException"/> for a setting that cannot be understood, <see cref="OutOfMemoryException"/> for too little address
    /// space, <see cref="PlatformNotSupportedException"/> for a system that is not supported.
    /// </summary>
    public static HakmemAllocator Shared => s_shared;

    // The two fast paths. Their shape is the JIT compiler's: the thread-static read first and whatever the heap, then one chain of tests
    // with one way out. So it can take the look-up of the thread-static (a call of about 1.2 ns) out of a loop around them. It does so in a
    // loop that tests at its end, and .NET 10 turns a for or while loop into one only if all of it is within a hundred nodes of the
    // compiler's tree. Free with two compares of the address was too large for that even in a loop of nothing else. What the cache does is in methods
    // of its own, for pools that have it at hand; written out here, a pair took at most 2 % less, and no more loops had the look-up taken out. Where the heap is
    // Shared, written out, the compiler knows the answer of the tests for it, and nothing of "this" is left to load.

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void* Alloc(nuint byteCount)
    {
        ThreadCache* cache = CurrentThread.Shared;
        if (!ReferenceEquals(this, s_shared))
        {
            cache = FindCacheBeside(cache);
        }

        void* block = cache != null ? TryTakeFrom(cache, byteCount) : null;
        if (block != null)
        {
            return block;
        }

        return ReferenceEquals(this, s_shared) ? AllocSharedSlow(cache, byteCount) : AllocSlow(cache, byteCount);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Free(void* ptr)
    {
        ThreadCache* cache = CurrentThread.Shared;
        if (!ReferenceEquals(this, s_shared))
        {
            cache = FindCacheBeside(cache);
        }

        if (cache != null && TryPutInto(cache, ptr))
        {
            return;
        }

        if (ReferenceEquals(this, s_shared))
        {
            FreeSharedSlow(cache, ptr);
        }
        else
        {
            FreeSlow(ptr);
        }
    }

    // The calling thread's cache of the shared heap, made if need be; null if memory for one is out.
    internal static ThreadCache* GetSharedCache() => s_shared.GetCache();

    // Alloc and Free of the shared heap, for a pool that has its thread's cache at hand and need not look it up.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void* AllocShared(ThreadCache* cache, nuint byteCount)
    {
        void* block = TryTakeFrom(cache, byteCount);
        return block != null ? block : s_shared.AllocSlow(cache, byteCount);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void FreeShared(ThreadCache* cache, void* ptr)
    {
        if (!TryPutInto(cache, ptr))
        {
            FreeSharedSlow(cache, ptr);
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
        if (!BitOperations.IsPow2(alignment))
        {
            throw new ArgumentException($"The alignment must be a power of two, not {alignment}.", nameof(alignment));
        }

        void* block = TryAllocSlow(byteCount, alignment, isZeroed: false);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    /// <inheritdoc/>
    public void* Realloc(void* ptr, nuint byteCount) => ptr == null ? Alloc(byteCount) : Realloc(ptr, byteCount, alignment: 1);

    // The same for a block that AlignedAlloc gave, and which is to keep its alignment.
    internal void* Realloc(void* ptr, nuint byteCount, nuint alignment)
    {
        void* block = _heap.TryReallocate(GetMagazines(), ptr, byteCount, alignment);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    /// <inheritdoc/>
    public nuint UsableSize(void* ptr) => ptr == null ? 0 : _heap.UsableSize(GetMagazines(), ptr);

    /// <inheritdoc/>
    public bool Owns(void* ptr) => !_isGone && _failure is null && _heap.Owns(ptr);

    /// <inheritdoc/>
    public void Trim() => _heap.Trim(GetMagazines());

    // How often everything unused was given back for an allocation that had failed; for tests.
    internal long ReclaimRounds => _heap.ReclaimRounds;

    /// <inheritdoc/>
    public HakmemStatistics GetStatistics()
    {
        ThrowIfDisposed();
        return _heap.GetStatistics();
    }

    /// <summary>
    /// Every SuperSlab of this heap, with what each of its 64 KiB units holds: for pictures of the heap and for finding fragmentation.
    /// </summary>
    /// <remarks>
    /// Thread-safe. Costs time in proportion to the number of SuperSlabs, during which other threads' slow paths may wait, and less than 1 KiB
    /// of garbage for each: not for every request.
    /// </remarks>
    /// <returns>A copy, which later calls do not change.</returns>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public HakmemHeapMap GetHeapMap()
    {
        ThrowIfDisposed();
        return _heap.GetHeapMap();
    }

    /// <summary>
    /// Checks the invariants of this heap's own records in every layer against each other: SuperSlabs, page map, units, runs, spans,
    /// depots. It finds records that a stray write or a bug has damaged, not misuse of blocks.
    /// </summary>
    /// <remarks>
    /// Thread-safe, also while other threads allocate and free: each layer is checked under its lock. It costs some microseconds for
    /// each SuperSlab, during which other threads' slow paths may wait: for tests, and for a service that looks for the
    /// cause of a corruption.
    /// </remarks>
    /// <returns>What was checked, and each invariant that does not hold with its address.</returns>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public HakmemVerification Verify()
    {
        ThrowIfDisposed();
        return _heap.Verify();
    }

    // A block from a thread's cache, or null.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void* TryTakeFrom(ThreadCache* cache, nuint byteCount)
    {
        nuint lastByte = byteCount - 1;
        if (lastByte >= SizeClass.MaxBytes)
        {
            return null;
        }

        // An empty magazine, and a bin without one, give the null in front of the slots.
        Bin* bin = ThreadCache.BinAt(cache, SizeClass.IndexOf(lastByte));
        void** top = bin->AllocTop;
        void* block = *top;
        if (block != null)
        {
            bin->AllocTop = top - 1;
        }

        return block;
    }

    // Puts a block into a thread's cache; false where that takes more than this. Not for a record behind a front.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryPutInto(ThreadCache* cache, void* ptr)
    {
        // The first test refuses whatever is not a block of this heap, all in one.
        ulong entry = Arena.EntryOf(cache->PageMap, ptr);
        FreeSide* put = ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry));
        if (FreeSide.Admits(put, entry, ptr))
        {
            // The second is for the block that was freed last: the commonest double free. It comes before the third,
            // since the reaper closes a bin before it takes the block.
            void** top = put->FreeTop;
            if (*top != ptr && top < put->FreeEnd)
            {
                top[1] = ptr;
                put->FreeTop = top + 1;
                return true;
            }
        }

        return false;
    }

    private void* TryAllocSlow(nuint byteCount, nuint alignment, bool isZeroed) =>
        _heap.TryAllocate(GetMagazines(), byteCount, alignment, isZeroed);

    // The calling thread's cache of this heap, which is not the shared one, given that of the shared heap; null if it has none yet.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ThreadCache* FindCacheBeside(ThreadCache* shared) => CurrentThread.PeerOf(shared, _slot);

    [DoesNotReturn]
    private void* ThrowOutOfMemory(nuint byteCount) => throw _heap.OutOfMemory(byteCount);

    private void ThrowIfDisposed()
    {
        _failure?.Throw();
        ObjectDisposedException.ThrowIf(_slot == DisposedSlot, this);
    }

    // The calling thread's magazines: its cache, or what that is a front of.
    private ThreadCache* GetMagazines() => ThreadCache.MagazinesOf(GetCache());

    // The calling thread's cache, made if need be; null if memory for one is out.
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
            cache = _heap.TryCreateThreadCache();
            CurrentThread.SetShared(cache);
        }

        return cache;
    }

    // The same for another heap than the shared one.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ThreadCache* GetCacheBeside(ThreadCache* shared)
    {
        // Read once: beside TryDispose it may change, and change back.
        int slot = Volatile.Read(ref _slot);
        _failure?.Throw();
        ObjectDisposedException.ThrowIf(slot == DisposedSlot, this);
        ThreadCache* cache = CurrentThread.PeerOf(shared, slot);
        if (cache != null)
        {
            return cache;
        }

        // The way to it is made first: a cache that nothing leads to would be lost.
        ThreadCache* home = GetSharedCache();
        if (home == null || !CurrentThread.TryMakeRoom(Shared._heap.Metadata, slot))
        {
            return null;
        }

        cache = _heap.TryCreateThreadCache();
        if (cache != null)
        {
            CurrentThread.SetPeer(slot, cache);
        }

        return cache;
    }
}
