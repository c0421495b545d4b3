using System;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Heaps;

// Resizing: in place where that is possible, by moving pages, or by a copy. Of two threads that resize or free one and
// the same block, which is a bug of the program's, one is refused, as far as the block is no size class's: what is done
// to such a block beside a lock is done with a hold of it. Where live blocks are recorded, that holds for every block.
internal sealed unsafe partial class Heap
{
    // A block that was allocated with an alignment keeps it if it is named again, and may else lose it. Null if memory
    // is out; the old block then keeps its address and contents, but may have become larger on the way.
    public void* TryReallocate(ThreadCache* cache, void* address, nuint byteCount, nuint alignment)
    {
        BlockInfo block = Claim(cache, address, "Realloc");
        bool isGone = false;
        try
        {
            return TryReallocate(cache, address, block, nuint.Max(byteCount, 1), alignment, ref isGone);
        }
        finally
        {
            if (!isGone)
            {
                MarkLive(address);
            }
        }
    }

    // Resizes a block that Claim has resolved. isGone is set once it is not the caller's any more.
    private void* TryReallocate(ThreadCache* cache, void* address, BlockInfo block, nuint byteCount, nuint alignment, ref bool isGone)
    {
        ResizeResult result = block.Kind.TryResizeInPlace(block, address, byteCount);
        if (result == ResizeResult.NotThere)
        {
            throw Misuse.FreedMeanwhile(address, "Realloc");
        }

        if (result == ResizeResult.Done)
        {
            PurgeAndNotify();
            return address;
        }

        // It may be another kind of block by now: a run of units may have become a run of SuperSlabs.
        if (block.Kind.TryHold(address, "Realloc", out BlockInfo held))
        {
            return TryMoveHeld(cache, held, address, byteCount, alignment, ref isGone);
        }

        void* target = TryAllocateToMove(cache, block, byteCount, alignment);
        if (target != null)
        {
            nuint kept = nuint.Min(byteCount, block.Bytes);
            Buffer.MemoryCopy(address, target, kept, kept);
            isGone = true;
            HakmemCorruptionException? finding = null;
            try
            {
                finding = _claims != null ? block.Kind.Free(cache, block, address)
                    : cache != null && HakmemAllocator.TryPutInto(cache, address) ? null
                    : FreeAny(cache, address, "Realloc");
            }
            catch (OutOfMemoryException)
            {
                // Managed memory is out for the words of a finding. The block is free all the same.
            }
            catch
            {
                // Another thread freed it meanwhile: nobody hears of the target.
                FreeTarget(cache, target);
                throw;
            }

            PurgeAndNotify();
            RequireIntact(cache, address, target, finding);
        }

        return target;
    }

    // After a block was moved and freed: what was found of this very block is thrown, and the target is free again;
    // what was found of another is told later, since the caller has to hear of the target.
    private void RequireIntact(ThreadCache* cache, void* address, void* target, HakmemCorruptionException? finding)
    {
        if (finding is not null && finding.Address == (nuint)address)
        {
            FreeTarget(cache, target);
            throw finding;
        }

        _decay.Report(finding);
    }

    private void FreeTarget(ThreadCache* cache, void* target)
    {
        _decay.Report(FreeAny(cache, target, "Realloc"));
        PurgeAndNotify();
    }

    // Moves a block that is no size class's, which nobody else can free or resize meanwhile. Null if memory is out, and
    // it is where it was.
    private void* TryMoveHeld(
        ThreadCache* cache, BlockInfo block, void* address, nuint byteCount, nuint alignment, ref bool isGone)
    {
        try
        {
            void* target = alignment <= Geometry.SlabBytes ? block.Kind.TryMoveHeld(block, byteCount) : null;
            isGone = target != null;
            target = isGone ? MarkLive(target) : TryAllocateToMove(cache, block, byteCount, alignment);
            if (target != null && !isGone)
            {
                nuint kept = nuint.Min(byteCount, block.Bytes);
                Buffer.MemoryCopy(address, target, kept, kept);
                isGone = true;
                HakmemCorruptionException? finding = null;
                try
                {
                    finding = block.Kind.FreeHeld(block, address);
                }
                catch (OutOfMemoryException)
                {
                    // As above.
                }

                PurgeAndNotify();
                RequireIntact(cache, address, target, finding);
            }
            else
            {
                PurgeAndNotify();
            }

            return target;
        }
        finally
        {
            if (!isGone)
            {
                block.Kind.Unhold(block, address);
            }
        }
    }

    // What a block is moved to by a copy: growable room, if it is likely to grow again.
    private void* TryAllocateToMove(ThreadCache* cache, BlockInfo block, nuint byteCount, nuint alignment)
    {
        bool isGrowable = !_kinds.Small.HasQuarantine && byteCount > block.Bytes && byteCount > LargeBlocks.GrowableBytes &&
            byteCount <= Geometry.SlabBytes && alignment <= Geometry.UnitBytes;
        void* target = isGrowable ? MarkLive(_kinds.UnitRuns.TryAllocate(cache, byteCount, 1, isZeroed: false)) : null;
        return target == null ? TryAllocate(cache, byteCount, alignment, isZeroed: false) : target;
    }
}
