using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Regions;

namespace Hakmem;

// The region as an IHakmemAllocator, and what that asks of it.
public sealed unsafe partial class MemoryRegion
{
    // Written once.
    private RegionAllocator? _view;

    internal HakmemAllocator Heap => _allocator;

    internal bool IsShared => _isShared;

    internal long MaxBytes => _maxBytes;

    /// <summary>
    /// Returns this region as an allocator, for code that takes an <see cref="IHakmemAllocator"/>: buffers, pools,
    /// writers, arrays. Always the same object; it is not to be disposed.
    /// </summary>
    /// <remarks>
    /// <para>
    /// As thread-safe as the region: if that is not <see cref="MemoryRegionOptions.IsShared"/>, one thread at a time
    /// may call it, whatever the interface says. Each block costs 16 bytes more than one of
    /// <see cref="Alloc(nuint, nuint)"/>, or its alignment if that is larger, and blocks of the two are not to be
    /// mixed: this allocator frees, resizes and measures only its own.
    /// </para>
    /// <para>
    /// <c>Free</c> gives nothing back: the memory waits for <see cref="Reset"/> or <see cref="Dispose"/>. But it is
    /// checked, at every hardening level: a second one of a block, one of an interior pointer, of another allocator's
    /// block or of a block from before a <see cref="Reset"/> is a <see cref="HakmemCorruptionException"/>.
    /// <c>Realloc</c> grows the last block in place if its chunk has room, and otherwise moves it; it never shrinks.
    /// <c>Owns</c> is true for all memory that the region has allocated since its last <see cref="Reset"/>, whoever
    /// asked. <c>Trim</c> is that of the heap, and returns no chunk of the region.
    /// </para>
    /// <para>
    /// <c>GetStatistics</c> has the region's figures: <see cref="UsedBytes"/> as <c>LiveBytes</c>, the blocks that were
    /// not freed, <see cref="CommittedBytes"/>, the limit and the refused requests. All others are zero. After the
    /// disposal of the region or its heap each member throws an <see cref="ObjectDisposedException"/>, but for
    /// <c>Owns</c>, which is false, and <c>Free</c> of null. Buffers, pools, writers and arrays over this allocator
    /// then throw, too, and their <c>Dispose</c> does nothing. Dispose them before a <see cref="Reset"/>: after it that
    /// is a <see cref="HakmemCorruptionException"/>. What waits for room
    /// (<see cref="NativeMemoryPool{T}.RentAsync"/>, <see cref="NativeBufferWriter{T}.GetMemoryAsync"/>) tries on any
    /// thread: only a shared region is to be waited for, and nothing may wait during <see cref="Reset"/> or
    /// <see cref="Dispose"/>.
    /// </para>
    /// </remarks>
    /// <returns>The allocator.</returns>
    /// <exception cref="ObjectDisposedException">The region or its heap has been disposed.</exception>
    public IHakmemAllocator AsAllocator()
    {
        ThrowIfGone();
        if (Volatile.Read(ref _view) is { } view)
        {
            return view;
        }

        // Before anybody gets it; the list does not keep one that nobody gets.
        RegionAllocator made = new(this);
        _allocator.AddView(made);
        return Interlocked.CompareExchange(ref _view, made, null) ?? made;
    }

    // Null if the region can be used.
    internal ObjectDisposedException? GoneFailure() => IsGone ? GoneError() : null;

    // Why there is no room for a request: the least limit of this region and those around it, or what the heap says.
    // needed: the bytes of a chunk for it, with what surrounds the block.
    internal OutOfMemoryException OutOfMemory(nuint byteCount) => OutOfMemory(byteCount, byteCount);

    internal OutOfMemoryException OutOfMemory(nuint byteCount, nuint needed)
    {
        MemoryRegion? full = null;
        long committed = 0;
        using (_lock.Enter())
        {
            nuint room = needed;
            for (MemoryRegion? region = this; region is not null; region = region._parent)
            {
                long left = region._maxBytes - region._committedBytes;
                if (region._maxBytes > 0 && (nuint)left < room)
                {
                    room = (nuint)left;
                    full = region;
                    committed = region._committedBytes;
                }
            }
        }

        return full is null ? _allocator.OutOfMemory(byteCount) : LimitError(byteCount, full, committed);
    }

    private void ThrowIfGone()
    {
        if (IsGone)
        {
            throw GoneError();
        }
    }

    // As Alloc, but returns null if that fails, and why. The alignment is a power of two.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void* TryAlloc(nuint byteCount, nuint alignment, out Exception? failure)
    {
        failure = null;
        void* block = alignment == Unit ? _direct.TryTake(nuint.Max(byteCount, 1), Unit) : null;
        return block != null ? block : TryAllocSlow(byteCount, alignment, out failure);
    }

    // Takes the bytes behind a block that ends there, if they are free. The size is a multiple of 16.
    internal bool TryExtend(byte* end, nuint bytes)
    {
        if (IsDirect)
        {
            return TryExtend(ref _direct, end, bytes);
        }

        bool isOuter = EnterCall();
        try
        {
            using (_lock.Enter())
            {
                return TryExtend(ref Range, end, bytes);
            }
        }
        finally
        {
            ExitCall(isOuter);
        }
    }

    // Whether memory can be read: all that the region has allocated, and what else of its heap is known to be readable.
    internal bool CanRead(void* start, nuint byteCount) =>
        (IsDirect && IsWithin(_direct.Start, _direct.UsedBytes, start)) ||
        _allocator.CanRead(start, byteCount) || Contains(start);

    // Whether an address is in memory that was allocated since the last Reset.
    internal bool Contains(void* address)
    {
        using (_lock.Enter())
        {
            return !IsGone &&
                (IsWithin(Range.Start, Range.UsedBytes, address) || IsIn(_closed, address) || IsIn(_large, address));
        }
    }

    private static bool IsIn(RegionChunk? list, void* address)
    {
        for (; list is not null; list = list.Next)
        {
            if (IsWithin(list.Start, list.Bytes, address))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsWithin(byte* start, nuint bytes, void* address) => (nuint)address - (nuint)start < bytes;

    private static bool TryExtend(ref BumpRange range, byte* end, nuint bytes)
    {
        bool hasRoom = range.Next == end && end != null && bytes <= range.FreeBytes;
        if (hasRoom)
        {
            range.Next += bytes;
        }

        return hasRoom;
    }
}
