using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem;

// The members that are told a block's size, that tell it, or that return false instead of throwing.
public sealed unsafe partial class HakmemAllocator
{
    // In the steady state this is Free with one multiplication more: the compares that identify the block's class find
    // its size as well.
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Free(void* ptr, nuint byteCount)
    {
        ThreadCache* cache = CurrentThread.Shared;
        if (cache == null || !ReferenceEquals(this, s_shared) || !TryPutInto(cache, ptr, byteCount))
        {
            FreeSizedSlow(cache, ptr, byteCount);
        }
    }

    /// <inheritdoc/>
    public void* Realloc(void* ptr, nuint byteCount, nuint alignment)
    {
        RequireAlignment(alignment);
        if (IsTagged(ptr))
        {
            return ReallocTagged(ptr, byteCount, alignment);
        }

        void* block = ptr == null
            ? TryAllocSlow(byteCount, alignment, isZeroed: false)
            : TryRealloc(ptr, byteCount, alignment);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    /// <inheritdoc/>
    public bool TryRealloc(ref void* ptr, nuint byteCount)
    {
        void* block = ptr == null
            ? TryAllocSlow(byteCount, 1, isZeroed: false)
            : TryRealloc(ptr, byteCount, alignment: 1);
        if (block == null)
        {
            return false;
        }

        ptr = block;
        return true;
    }

    /// <inheritdoc/>
    public bool TryExpand(void* ptr, nuint byteCount)
    {
        if (ptr == null)
        {
            ThrowIfDisposed();
            return false;
        }

        return IsTagged(ptr) ? TryExpandTagged(ptr, byteCount) : _core.TryExpand(GetMagazines(), ptr, byteCount);
    }

    /// <inheritdoc/>
    public bool TryAllocZeroed(nuint byteCount, out void* ptr)
    {
        ptr = TryAllocSlow(byteCount, 1, isZeroed: true);
        return ptr != null;
    }

    /// <inheritdoc/>
    public bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr)
    {
        RequireAlignment(alignment);
        ptr = TryAllocSlow(byteCount, alignment, isZeroed: false);
        return ptr != null;
    }

    // The block is requested with the size that it has, so that a large one begins where its run does, and that a
    // guarded one has as many bytes.
    /// <inheritdoc/>
    public void* AllocAtLeast(nuint byteCount, out nuint usable)
    {
        usable = GoodSize(byteCount);
        return Alloc(usable);
    }

    /// <inheritdoc/>
    public nuint GoodSize(nuint byteCount)
    {
        ThrowIfDisposed();
        return _core.GoodSize(byteCount);
    }

    // As the other TryPutInto; also false if the block's class is not known to have so many bytes. The entry is read
    // once: a profiler that starts or ends may rewrite it at any moment.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryPutInto(ThreadCache* cache, void* ptr, nuint byteCount)
    {
        ulong entry = Arena.EntryOf(cache, ptr);
        FreeSide* side = ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry));
        return FreeSide.Covers(side, byteCount) && TryPutInto(side, entry, ptr);
    }

    // Whether an address is that of a small block of at least so many bytes, live or free. False if the cache, which is
    // the calling thread's or null, does not tell.
    private static bool IsSmallBlockOf(ThreadCache* cache, void* ptr, nuint byteCount)
    {
        ThreadCache* magazines = ThreadCache.MagazinesOf(cache);
        if (magazines == null)
        {
            return false;
        }

        ulong entry = Arena.EntryOf(magazines, ptr);
        FreeSide* side = ThreadCache.FreeSideAt(magazines, PageMapEntry.BinOffsetOf(entry));
        return FreeSide.Admits(side, entry, ptr) && FreeSide.IsOfKind(side) && FreeSide.Covers(side, byteCount);
    }

    internal static void RequireAlignment(nuint alignment)
    {
        if (!BitOperations.IsPow2(alignment))
        {
            throw new ArgumentException($"The alignment must be a power of two, not {alignment}.", nameof(alignment));
        }
    }

    // shared is the calling thread's cache of the shared heap, or null. Once the size is known to be right, the block
    // is freed as any other, which finds every other misuse.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FreeSizedSlow(ThreadCache* shared, void* ptr, nuint byteCount)
    {
        bool isShared = ReferenceEquals(this, s_shared);
        ThreadCache* cache = isShared ? shared : CurrentThread.PeerOf(shared, _slot);
        if (!isShared && cache != null && TryPutInto(cache, ptr, byteCount))
        {
            return;
        }

        if (_tagged is not null && TryFreeTagged(ptr, byteCount))
        {
            return;
        }

        if (ptr != null && !IsSmallBlockOf(cache, ptr, byteCount))
        {
            cache = cache == null ? GetCacheToFree() : cache;
            _core.RequireSize(ThreadCache.MagazinesOf(cache), ptr, byteCount);
        }

        if (isShared)
        {
            FreeSharedSlow(ptr);
        }
        else
        {
            FreeSlow(cache, ptr);
        }
    }
}
