using System;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Heaps;

// Resizing: in place if possible, else by moving pages, else by a copy. If two threads resize or free the same block,
// which is a bug of the program, one call fails: a thread that works on a run or a guarded block outside the locks
// holds it. For small blocks that is only certain in heaps that record live blocks.
internal sealed unsafe partial class Heap
{
    // Resizes a block, which has the given alignment then, whatever it had before. Returns null if memory is out; the
    // old block then keeps its address and contents, but may have become larger.
    public override void* TryReallocate(ThreadCache* cache, void* address, nuint byteCount, nuint alignment)
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

    // Makes a block at least so large in place; it never shrinks. If there is no room, a run may have become a larger
    // one nevertheless.
    //
    // Several threads may do this to one block at once, and ask for its size meanwhile, since the pointer stays valid.
    // So the block is not claimed, and the kind looks at its size again under the lock.
    public override bool TryExpand(ThreadCache* cache, void* address, nuint byteCount)
    {
        // A growable run becomes one of SuperSlabs once in its life: not found twice, it is gone.
        ResizeResult result = ResizeResult.NotThere;
        for (int attempt = 0; attempt < 2 && result == ResizeResult.NotThere; attempt++)
        {
            BlockInfo block = Resolve(cache, address, "TryExpand");
            if (byteCount <= block.Bytes)
            {
                return true;
            }

            result = block.Kind.TryResizeInPlace(block, address, byteCount, mayShrink: false);
        }

        if (result == ResizeResult.NotThere)
        {
            throw Misuse.FreedMeanwhile(address, "TryExpand");
        }

        PurgeAndNotify();
        if (result == ResizeResult.Done)
        {
            CountResized(address, byteCount);
        }

        return result == ResizeResult.Done;
    }

    // Resizes a block that Claim resolved. isGone is set once the block no longer belongs to the caller.
    private void* TryReallocate(
        ThreadCache* cache, void* address, BlockInfo block, nuint byteCount, nuint alignment, ref bool isGone)
    {
        // A block that is less aligned than the caller wants it now has to move, and not by pages, which keep the
        // place.
        bool isAligned = ((nuint)address & (alignment - 1)) == 0;
        ResizeResult result = isAligned
            ? block.Kind.TryResizeInPlace(block, address, byteCount)
            : ResizeResult.NoRoom;
        if (result == ResizeResult.NotThere)
        {
            throw Misuse.FreedMeanwhile(address, "Realloc");
        }

        if (result == ResizeResult.Done)
        {
            PurgeAndNotify();
            if (block.Kind != _kinds.Small && !_kinds.UnitRuns.IsSample(block))
            {
                CountResized(address, byteCount);
            }

            return address;
        }

        // The block may be of another kind by now: a unit run may have become a SuperSlab run.
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
                // Managed memory for the text of a finding is out. The block is free in any case.
            }
            catch
            {
                // Another thread freed the block meanwhile, and the caller never learns of the target.
                FreeTarget(cache, target);
                throw;
            }

            PurgeAndNotify();
            RequireIntact(cache, address, target, finding);
        }

        return target;
    }

    // Handles a finding after a block was moved and freed. One about this block is thrown, and the target freed. One
    // about another block is reported later, because the caller needs the target's address.
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

    // Moves a held block. Returns null if memory is out; the block then stays where it is.
    private void* TryMoveHeld(
        ThreadCache* cache, BlockInfo block, void* address, nuint byteCount, nuint alignment, ref bool isGone)
    {
        try
        {
            bool keepsAlignment = alignment <= Geometry.SlabBytes && ((nuint)address & (alignment - 1)) == 0;
            void* target = keepsAlignment ? TryMovePages(block, address, byteCount) : null;
            isGone = target != null;
            target = isGone ? MarkLive(target) : TryAllocateToMove(cache, block, byteCount, alignment);
            if (target != null && !isGone)
            {
                nuint kept = nuint.Min(byteCount, block.Bytes);
                Buffer.MemoryCopy(address, target, kept, kept);
                isGone = true;
                HakmemCorruptionException? finding = null;
                RemoveSample(block, address);
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

    // Allocates the target of a copy: a growable run, if the block is likely to grow again.
    private void* TryAllocateToMove(ThreadCache* cache, BlockInfo block, nuint byteCount, nuint alignment)
    {
        bool isGrowable = !_kinds.Small.HasQuarantine && byteCount > block.Bytes && byteCount <= Geometry.SlabBytes &&
            byteCount > LargeBlocks.GrowableBytes && alignment <= Geometry.UnitBytes;
        void* target = isGrowable
            ? MarkLive(Sampled(_kinds.UnitRuns.TryAllocate(cache, byteCount, 1, isZeroed: false), byteCount))
            : null;
        return target == null ? TryAllocate(cache, byteCount, alignment, isZeroed: false) : target;
    }
}
