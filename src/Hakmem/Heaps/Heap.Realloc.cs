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
        if (TryResizeInPlace(block, address, byteCount))
        {
            PurgeAndNotify();
            return address;
        }

        if (block.Kind != BlockKind.Small)
        {
            return TryMoveHeld(cache, address, byteCount, alignment, ref isGone);
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
                finding = _live != null ? FreeResolved(cache, address, block)
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

    private bool TryResizeInPlace(BlockInfo block, void* address, nuint byteCount)
    {
        switch (block.Kind)
        {
            case BlockKind.Small:
                return byteCount <= block.Bytes && byteCount > block.Bytes / 2;
            case BlockKind.Guarded:
                return byteCount == block.Bytes;
            default:
                ResizeResult result = _large.TryResizeInPlace(block, address, byteCount);
                return result == ResizeResult.NotThere ? throw LateMisuse(address, "Realloc") : result == ResizeResult.Done;
        }
    }

    // Moves a block that is no size class's, which nobody else can free or resize meanwhile. Null if memory is out, and
    // it is where it was.
    private void* TryMoveHeld(ThreadCache* cache, void* address, nuint byteCount, nuint alignment, ref bool isGone)
    {
        // It may be another kind of block by now: a run of units may have become a run of SuperSlabs on the way.
        BlockInfo block = Hold(address);
        try
        {
            void* target = alignment <= Geometry.SlabBytes ? _large.TryMoveRun(block, byteCount) : null;
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
                    finding = FreeHeld(block, address);
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
                Unhold(block, address);
            }
        }
    }

    // What a block is moved to by a copy: growable room, if it is likely to grow again.
    private void* TryAllocateToMove(ThreadCache* cache, BlockInfo block, nuint byteCount, nuint alignment)
    {
        bool isGrowable = _poisoned == null && byteCount > block.Bytes && byteCount > LargeBlocks.GrowableBytes &&
            byteCount <= Geometry.SlabBytes && alignment <= Geometry.UnitBytes;
        void* target = isGrowable ? MarkLive(_large.TryAllocateGrowable(byteCount)) : null;
        return target == null ? TryAllocate(cache, byteCount, alignment, isZeroed: false) : target;
    }

    private BlockInfo Hold(void* address)
    {
        BlockInfo block = _resolver.Resolve(address, "Realloc");
        if (block.Kind == BlockKind.Guarded)
        {
            _guards!.Hold(block.First, (nuint)address, "Realloc");
        }
        else if (!_large.TryHold(address, out block))
        {
            throw LateMisuse(address, "Realloc");
        }

        return block;
    }

    private void Unhold(BlockInfo block, void* address)
    {
        if (block.Kind == BlockKind.Guarded)
        {
            _guards!.Unhold(block.First, (nuint)address);
        }
        else
        {
            _large.Unhold(block);
        }
    }

    // Gives what FreeResolved does.
    private HakmemCorruptionException? FreeHeld(BlockInfo block, void* address)
    {
        if (block.Kind == BlockKind.Guarded)
        {
            return FreeGuarded(block, address, isHeld: true);
        }

        _large.FreeHeld(block);
        return null;
    }
}
