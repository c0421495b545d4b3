using System;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Allocators;
using Hakmem.Arenas;
using Hakmem.SizeClasses;
using Hakmem.ThreadCaches;

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
/// <see cref="Alloc"/> and <see cref="Free"/> is a few instructions without a lock, an atomic operation or a call.
/// </para>
/// </remarks>
public sealed unsafe class HakmemAllocator : IHakmemAllocator, IDisposable
{
    private readonly Heap _heap;

    // The heap's slot, or DisposedSlot. Written by Dispose, which by contract runs beside no other call.
    private int _slot;

    // No thread's table reaches this far, so every fast path of a disposed heap ends in its slow path.
    private const int DisposedSlot = int.MaxValue;

    /// <summary>Creates an isolated heap.</summary>
    /// <param name="options">How it behaves; null for the process's settings and the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value in <paramref name="options"/> is out of its range.</exception>
    /// <exception cref="InvalidOperationException">There are 8191 isolated heaps already.</exception>
    /// <exception cref="OutOfMemoryException">The arena's address range cannot be reserved.</exception>
    /// <exception cref="PlatformNotSupportedException">The system is not supported.</exception>
    public HakmemAllocator(HakmemOptions? options = null)
        : this(options ?? new HakmemOptions(), ProcessArena.Instance, TakeSlot())
    {
    }

    // For tests: a heap over an arena of their own.
    internal HakmemAllocator(HakmemOptions options, Arena arena)
        : this(options, arena, TakeSlot())
    {
    }

    private HakmemAllocator(HakmemOptions options, Arena arena, int slot)
    {
        try
        {
            _heap = new Heap(arena, slot, options.ToLimits());
            _slot = slot;
        }
        catch
        {
            ReturnSlot(slot);
            throw;
        }
    }

    /// <summary>The process-wide heap. It cannot be disposed.</summary>
    public static HakmemAllocator Shared { get; } = new(new HakmemOptions(), ProcessArena.Instance, HeapSlots.Shared);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void* Alloc(nuint byteCount)
    {
        void* block = TryTakeCached(byteCount);
        return block != null ? block : AllocSlow(byteCount);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAlloc(nuint byteCount, out void* ptr)
    {
        void* block = TryTakeCached(byteCount);
        ptr = block != null ? block : TryAllocSlow(byteCount, 1, isZeroed: false);
        return ptr != null;
    }

    /// <inheritdoc/>
    public void* AllocZeroed(nuint byteCount)
    {
        void* block = byteCount < Heap.ZeroCheckBytes ? TryTakeCached(byteCount) : null;
        if (block != null)
        {
            NativeMemory.Clear(block, byteCount);
            return block;
        }

        block = TryAllocSlow(byteCount, 1, isZeroed: true);
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
    public void* Realloc(void* ptr, nuint byteCount)
    {
        if (ptr == null)
        {
            return Alloc(byteCount);
        }

        void* block = _heap.TryReallocate(GetCache(), ptr, byteCount);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Free(void* ptr)
    {
        // Every check of the address that costs nothing to speak of; see PageMapEntry for how three of them are one compare.
        ThreadCache* cache = CurrentThread.CacheOf(_slot);
        if (cache != null)
        {
            byte* arenaBase = cache->ArenaBase;
            nuint offset = (nuint)((byte*)ptr - arenaBase);
            if (offset >> Geometry.MaxArenaShift == 0)
            {
                ulong entry = *Arena.EntryAt(arenaBase, offset) ^ cache->Tag;
                Bin* bin = ThreadCache.BinAt(cache, PageMapEntry.SizeClassOf(entry));
                ulong inSpan = offset - (entry & PageMapEntry.OffsetMask);
                if (inSpan < bin->SpanBlockBytes && inSpan * bin->Reciprocal < bin->Reciprocal)
                {
                    void** top = bin->Top;
                    if (top < bin->End && *top != ptr)
                    {
                        top[1] = ptr;
                        bin->Top = top + 1;
                        return;
                    }
                }
            }
        }

        FreeSlow(ptr);
    }

    /// <inheritdoc/>
    public nuint UsableSize(void* ptr) => ptr == null ? 0 : _heap.UsableSize(GetCache(), ptr);

    /// <inheritdoc/>
    public bool Owns(void* ptr) => _slot != DisposedSlot && _heap.Owns(ptr);

    /// <inheritdoc/>
    public void Trim() => _heap.Trim(GetCache());

    /// <inheritdoc/>
    public HakmemStatistics GetStatistics()
    {
        ThrowIfDisposed();
        return _heap.GetStatistics();
    }

    /// <summary>
    /// Gives back all memory of an isolated heap, live blocks included: pointers into it must not be used any more. No other thread may
    /// be in the heap. A second call does nothing.
    /// </summary>
    /// <exception cref="InvalidOperationException">This is <see cref="Shared"/>.</exception>
    public void Dispose()
    {
        int slot = Interlocked.Exchange(ref _slot, _slot == HeapSlots.Shared ? HeapSlots.Shared : DisposedSlot);
        if (slot == HeapSlots.Shared)
        {
            throw new InvalidOperationException("The shared heap lives as long as the process: it cannot be disposed.");
        }

        if (slot != DisposedSlot)
        {
            _heap.Dispose();
            ReturnSlot(slot);
        }
    }

    // A block from the calling thread's loaded magazine, or null: for zero bytes, sizes above 1 MiB, an empty magazine, a new thread.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void* TryTakeCached(nuint byteCount)
    {
        ThreadCache* cache = CurrentThread.CacheOf(_slot);
        nuint lastByte = byteCount - 1;
        if (cache != null && lastByte < SizeClass.MaxBytes)
        {
            Bin* bin = ThreadCache.BinAt(cache, SizeClass.IndexOf(lastByte));
            void** top = bin->Top;
            void* block = *top;
            if (block != null)
            {
                bin->Top = top - 1;
                return block;
            }
        }

        return null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocSlow(nuint byteCount)
    {
        void* block = TryAllocSlow(byteCount, 1, isZeroed: false);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* TryAllocSlow(nuint byteCount, nuint alignment, bool isZeroed) =>
        _heap.TryAllocate(GetCache(), byteCount, alignment, isZeroed);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FreeSlow(void* ptr)
    {
        ThreadCache* cache = GetCache();
        if (ptr != null)
        {
            _heap.Free(cache, ptr);
        }
    }

    [DoesNotReturn]
    private void* ThrowOutOfMemory(nuint byteCount) => throw _heap.OutOfMemory(byteCount);

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_slot == DisposedSlot, this);

    // The calling thread's cache, made if need be; null if memory for one is out.
    private ThreadCache* GetCache()
    {
        ThrowIfDisposed();
        ThreadCache* cache = CurrentThread.CacheOf(_slot);
        if (cache != null)
        {
            return cache;
        }

        if (_slot == HeapSlots.Shared)
        {
            cache = _heap.TryCreateThreadCache();
            CurrentThread.SetShared(cache);
            return cache;
        }

        // The way to it is made first: a cache that nothing leads to would be lost.
        ThreadCache* home = Shared.GetCache();
        if (home == null || !CurrentThread.TryMakeRoom(Shared._heap.Metadata, _slot))
        {
            return null;
        }

        cache = _heap.TryCreateThreadCache();
        if (cache != null)
        {
            CurrentThread.SetPeer(_slot, cache);
        }

        return cache;
    }

    private static int TakeSlot()
    {
        int slot = HeapSlots.TryTake();
        return slot > 0 ? slot : throw new InvalidOperationException($"There are {HeapSlots.Max - 1} isolated heaps already.");
    }

    private static void ReturnSlot(int slot)
    {
        if (slot != HeapSlots.Shared)
        {
            HeapSlots.Return(slot);
        }
    }
}
