using System;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using Hakmem.Api;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Tags;

// A heap as the users of one tag see it: blocks that it allocates count for the tag. It takes any block of the heap for
// all else. See TaggedHeap.
[DebuggerDisplay("{DebuggerDisplay,nq}")]
internal sealed unsafe class TaggedAllocator(TaggedHeap heap, MemoryTag tag, TagLedger ledger)
    : IHakmemAllocator, IUncountedAllocator
{
    public MemoryTag Tag => tag;

    public TagLedger Ledger => ledger;

    private HakmemAllocator Owner => heap.Owner;

    private string DebuggerDisplay => $"tagged '{ledger.Account.Path}'";

    // The thread-static is read here and in Free, and the rest is not inlined: so the JIT compiler can hoist the
    // look-up out of a loop, as it does for HakmemAllocator.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void* Alloc(nuint byteCount) => Alloc(CurrentThread.Shared, byteCount);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Free(void* ptr) => Free(CurrentThread.Shared, ptr);

    public void* AllocZeroed(nuint byteCount) =>
        Require(TryAllocate(byteCount, 1, true, out TagAccount? refusing), byteCount, refusing);

    public void* AlignedAlloc(nuint byteCount, nuint alignment)
    {
        RequireAlignment(alignment);
        return Require(TryAllocate(byteCount, alignment, false, out TagAccount? refusing), byteCount, refusing);
    }

    public void* AllocAtLeast(nuint byteCount, out nuint usable)
    {
        usable = GoodSize(byteCount);
        return Alloc(usable);
    }

    public nuint GoodSize(nuint byteCount) => heap.Blocks.GoodSize(byteCount);

    public bool TryAlloc(nuint byteCount, out void* ptr)
    {
        ptr = TaggedHeap.TryAllocateCached(ledger, tag, CurrentThread.Shared, byteCount);
        ptr = ptr != null ? ptr : TryAllocate(byteCount, 1, false, out _);
        GC.KeepAlive(tag);
        return ptr != null;
    }

    public HakmemAllocator Heap => heap.Owner;

    public bool IsDisposed => heap.Owner.IsDisposed;

    public void* TryAllocUncounted(nuint byteCount)
    {
        void* block = TaggedHeap.TryAllocateCached(ledger, tag, CurrentThread.Shared, byteCount);
        block = block != null ? block : heap.TryAllocate(ledger, byteCount, 1, false, out _, isCounted: false);
        GC.KeepAlive(tag);
        return block;
    }

    public void* TryRealloc(void* ptr, nuint byteCount, nuint alignment, bool isCounted) =>
        TryReallocate(ptr, byteCount, alignment, out _, isCounted);

    // The limits of now: the one that refused the request may have room again.
    public OutOfMemoryException OutOfMemory(nuint byteCount)
    {
        long bytes = (long)Math.Min(GoodSize(byteCount), long.MaxValue);
        return heap.OutOfMemory(byteCount, ledger.Account.FindRefusing(bytes));
    }

    public void CountRefused(nuint byteCount)
    {
        TagAccount account = ledger.Account;
        if (account.FindRefusing((long)GoodSize(byteCount)) is { } refusing)
        {
            account.CountRefusal(refusing);
            heap.Blocks.CountRefusalByTag();
        }
        else
        {
            heap.Blocks.CountRefused(byteCount);
        }
    }

    public bool TryAllocZeroed(nuint byteCount, out void* ptr) =>
        (ptr = TryAllocate(byteCount, 1, true, out _)) != null;

    public bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr)
    {
        RequireAlignment(alignment);
        return (ptr = TryAllocate(byteCount, alignment, false, out _)) != null;
    }

    public void* Realloc(void* ptr, nuint byteCount) =>
        Require(TryReallocate(ptr, byteCount, 1, out TagAccount? refusing), byteCount, refusing);

    public void* Realloc(void* ptr, nuint byteCount, nuint alignment)
    {
        RequireAlignment(alignment);
        return Require(TryReallocate(ptr, byteCount, alignment, out TagAccount? refusing), byteCount, refusing);
    }

    public bool TryRealloc(ref void* ptr, nuint byteCount)
    {
        void* block = TryReallocate(ptr, byteCount, 1, out _);
        ptr = block == null ? ptr : block;
        return block != null;
    }

    public bool TryExpand(void* ptr, nuint byteCount) => Owner.TryExpand(ptr, byteCount);

    public void Free(void* ptr, nuint byteCount) => Owner.Free(ptr, byteCount);

    public nuint UsableSize(void* ptr) => Owner.UsableSize(ptr);

    public bool Owns(void* ptr) => Owner.Owns(ptr);

    public void Trim() => Owner.Trim();

    public HakmemStatistics GetStatistics() => Owner.GetStatistics();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* Alloc(ThreadCache* shared, nuint byteCount)
    {
        void* block = TaggedHeap.TryAllocateCached(ledger, tag, shared, byteCount);
        return block != null ? block : AllocSlow(byteCount);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Free(ThreadCache* shared, void* ptr)
    {
        if (!TaggedHeap.TryFreeCached(ledger, shared, ptr))
        {
            FreeSlow(shared, ptr);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FreeSlow(ThreadCache* shared, void* ptr)
    {
        if (!heap.TryFreeCachedOfAny(shared, ptr))
        {
            Owner.FreeAny(ptr);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocSlow(nuint byteCount) =>
        Require(TryAllocate(byteCount, 1, false, out TagAccount? refusing), byteCount, refusing);

    private static void RequireAlignment(nuint alignment)
    {
        if (!BitOperations.IsPow2(alignment))
        {
            throw new ArgumentException($"The alignment must be a power of two, not {alignment}.", nameof(alignment));
        }
    }

    private void* TryAllocate(nuint byteCount, nuint alignment, bool isZeroed, out TagAccount? refusing)
    {
        void* block = heap.TryAllocate(ledger, byteCount, alignment, isZeroed, out refusing);
        GC.KeepAlive(tag);
        return block;
    }

    private void* TryReallocate(
        void* ptr, nuint byteCount, nuint alignment, out TagAccount? refusing, bool isCounted = true)
    {
        if (ptr == null)
        {
            return TryAllocate(byteCount, alignment, false, out refusing);
        }

        if (heap.Owns(ptr))
        {
            return heap.TryReallocate(ptr, byteCount, alignment, out refusing, isCounted);
        }

        // An untagged block stays one.
        refusing = null;
        return Owner.TryRealloc(ptr, byteCount, alignment, isCounted);
    }

    private void* Require(void* block, nuint byteCount, TagAccount? refusing) =>
        block != null ? block : throw heap.OutOfMemory(byteCount, refusing);
}
