using System;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Api;
using Hakmem.Pages;

namespace Hakmem.Regions;

// A region behind the interface. A region does not know the sizes of its blocks, and the interface asks for them; so
// each block of this allocator has a header in front, and a block that the region allocates directly is none of these.
//
// Layout: RegionBlock, then the bytes of the block, a multiple of 16, at most 15 more than were requested. The header
// of a block with a larger alignment is at the end of as many bytes as the alignment.
//
// Invariants:
// 1. Check is LiveCheck(block) while the caller has the block, and its complement once that was freed. Memory is not
//    used again before the region's next Reset, and LiveCheck differs after it: so a second free of a block is always
//    told, and a free of a block from before a Reset too, unless two random numbers of 64 bits are equal.
// 2. Bytes only grows.
//
// As thread-safe as the region. In a shared region the thread that changes Check from live has the block.
[DebuggerDisplay("{DebuggerDisplay,nq}")]
internal sealed unsafe class RegionAllocator(MemoryRegion region) : IHakmemAllocator, IUncountedAllocator
{
    private const nuint Unit = BumpRange.Unit;

    // A multiple of 16 whose sums with a header and an alignment do not overflow.
    private static readonly nuint s_maxRequestBytes = (nuint.MaxValue >> 1) & ~(Unit - 1);

    private readonly long _key = CreateKey();

    // Blocks that callers have, and requests that failed. Interlocked in a shared region.
    private long _liveBlocks;
    private long _refused;

    private string DebuggerDisplay => $"of a MemoryRegion: {region.DebuggerDisplay}";

    // For tests: called when a block was found to be live, and before it is taken from its owner.
    public Action? OnTake { get; set; }

    public HakmemAllocator Heap => region.Heap;

    public bool IsDisposed => region.GoneFailure() is not null;

    public void* Alloc(nuint byteCount) => Require(TryAllocate(byteCount, Unit, out Exception? failure), failure);

    public void* AllocZeroed(nuint byteCount)
    {
        void* block = Alloc(byteCount);
        NativeMemory.Clear(block, byteCount);
        return block;
    }

    public void* AlignedAlloc(nuint byteCount, nuint alignment)
    {
        RequireAlignment(alignment);
        return Require(TryAllocate(byteCount, alignment, out Exception? failure), failure);
    }

    public void* TryAllocUncounted(nuint byteCount) =>
        UnlessGone(TryAllocate(byteCount, Unit, out Exception? failure, isCounted: false), failure);

    public void* TryRealloc(void* ptr, nuint byteCount, nuint alignment, bool isCounted) => UnlessGone(
        TryReallocate(ptr, byteCount, nuint.Max(alignment, Unit), out Exception? failure, isCounted), failure);

    public void CountRefused(nuint byteCount) => Add(ref _refused, 1);

    public OutOfMemoryException OutOfMemory(nuint byteCount) => byteCount > s_maxRequestBytes - Unit
        ? region.OutOfMemory(byteCount)
        : region.OutOfMemory(byteCount, BumpRange.RoundUp(byteCount) + Unit);

    public void* AllocAtLeast(nuint byteCount, out nuint usable)
    {
        usable = GoodSize(byteCount);
        return Alloc(byteCount);
    }

    public nuint GoodSize(nuint byteCount)
    {
        RequireUsable();
        return byteCount > s_maxRequestBytes - Unit ? byteCount : BumpRange.RoundUp(nuint.Max(byteCount, 1));
    }

    public bool TryAlloc(nuint byteCount, out void* ptr) =>
        (ptr = UnlessGone(TryAllocate(byteCount, Unit, out Exception? failure), failure)) != null;

    public bool TryAllocZeroed(nuint byteCount, out void* ptr)
    {
        bool isDone = TryAlloc(byteCount, out ptr);
        NativeMemory.Clear(ptr, isDone ? byteCount : 0);
        return isDone;
    }

    public bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr)
    {
        RequireAlignment(alignment);
        return (ptr = UnlessGone(TryAllocate(byteCount, alignment, out Exception? failure), failure)) != null;
    }

    public void* Realloc(void* ptr, nuint byteCount) =>
        Require(TryReallocate(ptr, byteCount, Unit, out Exception? failure), failure);

    public void* Realloc(void* ptr, nuint byteCount, nuint alignment)
    {
        RequireAlignment(alignment);
        return Require(TryReallocate(ptr, byteCount, alignment, out Exception? failure), failure);
    }

    public bool TryRealloc(ref void* ptr, nuint byteCount)
    {
        void* block = UnlessGone(TryReallocate(ptr, byteCount, Unit, out Exception? failure), failure);
        ptr = block == null ? ptr : block;
        return block != null;
    }

    public bool TryExpand(void* ptr, nuint byteCount) =>
        ptr != null && TryExpand(Resolve(ptr, nameof(TryExpand)), byteCount);

    public void Free(void* ptr)
    {
        if (ptr != null)
        {
            Take(Resolve(ptr, nameof(Free)), nameof(Free));
        }
    }

    public void Free(void* ptr, nuint byteCount)
    {
        if (ptr != null)
        {
            RegionBlock* header = Resolve(ptr, nameof(Free));
            Misuse.RequireSize(ptr, nameof(Free), byteCount, header->Bytes);
            Take(header, nameof(Free));
        }
    }

    public nuint UsableSize(void* ptr) => ptr == null ? 0 : Resolve(ptr, nameof(UsableSize))->Bytes;

    public bool Owns(void* ptr) => ptr != null && region.Contains(ptr);

    public void Trim()
    {
        RequireUsable();
        region.Heap.Trim();
    }

    public HakmemStatistics GetStatistics()
    {
        RequireUsable();
        long committed = region.CommittedBytes;
        return new HakmemStatistics
        {
            LiveBytes = region.UsedBytes,
            LiveBlocks = Volatile.Read(ref _liveBlocks),
            CommittedBytes = committed,
            PeakCommittedBytes = committed,
            LimitBytes = region.MaxBytes,
            RefusedAllocations = Volatile.Read(ref _refused),
        };
    }

    // Forgets the blocks of an epoch that has ended.
    public void OnReset() => Volatile.Write(ref _liveBlocks, 0);

    // Has what was rented from this allocator throw.
    public void MarkGone() => ForeignHeap.MarkGone(this);

    private static void RequireAlignment(nuint alignment)
    {
        if (!BitOperations.IsPow2(alignment))
        {
            throw new ArgumentException($"The alignment must be a power of two, not {alignment}.", nameof(alignment));
        }
    }

    // Not a secret: it tells a header from other bytes.
    private static long CreateKey()
    {
        Guid random = Guid.NewGuid();
        return *(long*)&random ^ ((long*)&random)[1];
    }

    private static void* Require(void* block, Exception? failure) => block != null ? block : throw failure!;

    private static void* UnlessGone(void* block, Exception? failure) =>
        failure is null or OutOfMemoryException ? block : throw failure;

    // Returns null if that fails, and why.
    private void* TryAllocate(nuint byteCount, nuint alignment, out Exception? failure, bool isCounted = true)
    {
        failure = null;
        alignment = nuint.Max(alignment, Unit);
        byte* start = null;
        nuint bytes = nuint.Max(BumpRange.RoundUp(nuint.Min(byteCount, s_maxRequestBytes)), Unit);
        failure = region.GoneFailure();
        if (failure is not null)
        {
            // Unlike the region's own, each block is written here.
            return null;
        }

        if (byteCount > s_maxRequestBytes - Unit || alignment > s_maxRequestBytes - bytes)
        {
            failure = region.OutOfMemory(byteCount);
        }
        else
        {
            start = (byte*)region.TryAlloc(alignment + bytes, alignment, out failure);
        }

        if (start == null)
        {
            Add(ref _refused, isCounted ? 1 : 0);
            return null;
        }

        // SAFETY: the region allocated so many bytes there, at least a header's in front of the block.
        byte* block = start + alignment;
        RegionBlock* header = HeaderOf(block);
        header->Bytes = bytes;
        header->Check = LiveCheck(block);
        Add(ref _liveBlocks, 1);
        return block;
    }

    private void* TryReallocate(
        void* ptr, nuint byteCount, nuint alignment, out Exception? failure, bool isCounted = true)
    {
        failure = null;
        if (ptr == null)
        {
            return TryAllocate(byteCount, alignment, out failure, isCounted);
        }

        RegionBlock* header = Resolve(ptr, nameof(Realloc));
        if (((nuint)ptr & (alignment - 1)) == 0 && TryExpand(header, byteCount))
        {
            return ptr;
        }

        // Another thread that frees the block meanwhile finds it freed, or this one does.
        Take(header, nameof(Realloc));
        void* target = null;
        try
        {
            target = TryAllocate(byteCount, alignment, out failure, isCounted);
        }
        finally
        {
            if (target == null)
            {
                Volatile.Write(ref header->Check, LiveCheck(ptr));
                Add(ref _liveBlocks, 1);
            }
        }

        nuint kept = target == null ? 0 : nuint.Min(header->Bytes, byteCount);
        Buffer.MemoryCopy(ptr, target, kept, kept);
        return target;
    }

    // In place: within the block, or into the free part of the chunk if it is the last block there.
    private bool TryExpand(RegionBlock* header, nuint byteCount)
    {
        nuint bytes = header->Bytes;
        if (byteCount <= bytes)
        {
            return true;
        }

        if (byteCount > s_maxRequestBytes - Unit)
        {
            return false;
        }

        nuint wanted = BumpRange.RoundUp(byteCount);
        bool isLarger = region.TryExtend((byte*)(header + 1) + bytes, wanted - bytes);
        if (isLarger)
        {
            header->Bytes = wanted;
        }

        return isLarger;
    }

    // The header of a live block. Throws for all else.
    private RegionBlock* Resolve(void* ptr, string operation)
    {
        RequireUsable();
        RegionBlock* header = HeaderOf(ptr);
        if ((nuint)ptr % Unit != 0 || (nuint)ptr < Unit || !region.CanRead(header, Unit))
        {
            throw Misuse.NoBlock(ptr, operation);
        }

        // SAFETY: memory of the region or, if the pointer is wrong, of its heap.
        long check = Volatile.Read(ref header->Check);
        return check == LiveCheck(ptr) ? header
            : throw (check == ~LiveCheck(ptr)
                ? Misuse.FreedAlready(ptr, operation)
                : Misuse.NoBlock(ptr, operation));
    }

    private void Take(RegionBlock* header, string operation)
    {
        OnTake?.Invoke();
        long live = LiveCheck(header + 1);
        if (!region.IsShared)
        {
            header->Check = ~live;
        }
        else if (Interlocked.CompareExchange(ref header->Check, ~live, live) != live)
        {
            throw Misuse.FreedMeanwhile(header + 1, operation);
        }

        Add(ref _liveBlocks, -1);
    }

    private void RequireUsable()
    {
        if (region.GoneFailure() is { } failure)
        {
            // Owners of rented memory free it until this is set.
            MarkGone();
            throw failure;
        }
    }

    private void Add(ref long count, long difference)
    {
        if (region.IsShared)
        {
            Interlocked.Add(ref count, difference);
        }
        else
        {
            count += difference;
        }
    }

    private static RegionBlock* HeaderOf(void* block) => (RegionBlock*)block - 1;

    // The finaliser of MurmurHash3, over the address and what no other epoch or region has.
    private long LiveCheck(void* block)
    {
        ulong hash = (ulong)block ^ (ulong)(_key + region.Epoch);
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        return (long)(hash ^ (hash >> 33));
    }
}
