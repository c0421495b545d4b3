using System;
using Hakmem.SizeClasses;
using Hakmem.ThreadCaches;

namespace Hakmem.Allocators;

// The heap's part in resizing a block: in place, by moving pages, or by a copy.
internal sealed unsafe partial class Heap
{
    // A block that was allocated with an alignment keeps it if it is named again, and may else lose it. Null if memory is out; the old block then
    // keeps its address and contents, but may have become larger on the way.
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
                Enter(address);
            }
        }
    }

    // Resizes a block that Claim has resolved. isGone is set once it is not the caller's any more.
    private void* TryReallocate(ThreadCache* cache, void* address, BlockInfo block, nuint byteCount, nuint alignment, ref bool isGone)
    {
        bool isInPlace = block.Kind switch
        {
            BlockKind.Small => byteCount <= block.Bytes && byteCount > block.Bytes / 2,
            BlockKind.Guarded => byteCount == block.Bytes,
            _ => _large.TryResizeInPlace(block, byteCount),
        };
        if (isInPlace)
        {
            Settle();
            return address;
        }

        void* moved = alignment <= Geometry.SlabBytes ? TryMoveByPages(address, byteCount) : null;
        if (moved != null)
        {
            isGone = true;
            Settle();
            return Enter(moved);
        }

        bool isGrowable = _poisoned == null && byteCount > block.Bytes && byteCount > LargeBlocks.GrowableBytes &&
            byteCount <= Geometry.SlabBytes && alignment <= Geometry.UnitBytes;
        void* target = isGrowable ? Enter(_large.TryAllocateGrowable(byteCount)) : null;
        target = target == null ? TryAllocate(cache, byteCount, alignment, isZeroed: false) : target;
        if (target != null)
        {
            nuint kept = nuint.Min(byteCount, block.Bytes);
            Buffer.MemoryCopy(address, target, kept, kept);
            isGone = true;
            if (_live == null)
            {
                Free(cache, address);
            }
            else
            {
                FreeResolved(cache, address, block);
                Settle();
            }
        }

        return target;
    }

    private void* TryMoveByPages(void* address, nuint byteCount)
    {
        // Resolved again: a run of units may have become a run of SuperSlabs on the way.
        BlockInfo block = _resolver.Resolve(address, "Realloc");
        return _large.TryMoveRun(block, byteCount);
    }
}
