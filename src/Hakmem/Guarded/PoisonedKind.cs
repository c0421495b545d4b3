using System;
using System.Runtime.CompilerServices;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Guarded;

// Small blocks with HardeningLevel.Full: poisoned while they are free, and kept in PoisonedBlocks' quarantine before
// they are handed out again. Larger blocks are of the guarded kind.
internal sealed unsafe class PoisonedKind(HeapParts heap, PoisonedBlocks poisoned, BlockClaims claims, bool keepsStacks)
    : SmallKind(heap)
{
    public override bool HasQuarantine => true;

    public override bool IsIdle => poisoned.IsIdle;

    private int Stack => keepsStacks ? HistoryStacks.Take() : StackTable.None;

    public override bool Serves(nuint byteCount, nuint alignment)
    {
        int index = ClassFor(byteCount, alignment);
        return index >= 0 && Parts.Classes[index].BlockBytes <= PoisonedBlocks.MaxBytes;
    }

    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        int index = ClassFor(byteCount, alignment);
        void* block = cache != null ? TakeCached(cache, index) : Parts.Depots[index].TryAllocOne(out _);
        if (block != null)
        {
            HandOut((byte*)block, index, byteCount);
        }

        if (block != null && isZeroed)
        {
            new Span<byte>(block, (int)byteCount).Clear();
        }

        return block;
    }

    // The steady state: returns a block from the cache; null if the slow path has to serve it.
    public void* TryAllocateLoaded(ThreadCache* cache, int index, nuint byteCount)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        void** top = bin->AllocTop;
        void* block = *top;
        if (block == null)
        {
            return null;
        }

        bin->AllocTop = top - 1;
        poisoned.PrefetchNext((byte*)top[-1], index);
        HandOut((byte*)block, index, byteCount);
        LiveTable.Begin(cache->Live, block);
        return block;
    }

    // The steady state: returns false, and changes nothing, if the slow path has to decide. isFlushed says that blocks
    // went to the quarantine and the caller must purge; finding is damage found on the way, or null.
    public bool TryFreeLoaded(
        ThreadCache* cache, void* ptr, out bool isFlushed, out HakmemCorruptionException? finding)
    {
        isFlushed = false;
        finding = null;
        ulong entry = Arena.EntryOf(cache, ptr);
        FreeSide* side = ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry));
        if (!FreeSide.Admits(side, entry, ptr) || !FreeSide.IsOfKind(side))
        {
            return false;
        }

        int stack = Stack;
        if (!BlockClaims.TryClaim(cache, ptr))
        {
            return false;
        }

        if (!claims.IsStillOf(entry, ptr))
        {
            throw FreedAlready(default, ptr, "Free");
        }

        int index = PageMapEntry.BinIndexOf(entry);
        poisoned.Freed((byte*)ptr, index, stack);

        // The order matters: the reaper closes a bin before it takes the block that was freed last.
        void** top = side->FreeTop;
        if (FreeSide.HasRoom(side, top))
        {
            top[1] = ptr;
            side->FreeTop = top + 1;
        }
        else
        {
            finding = Quarantine(cache, index, ptr);
            isFlushed = true;
        }

        return true;
    }

    public override HakmemCorruptionException FreedAlready(BlockInfo block, void* address, string operation) =>
        poisoned.DoubleFree((nuint)address, operation);

    // The caller has claimed the block.
    public override HakmemCorruptionException? Free(ThreadCache* cache, BlockInfo block, void* address)
    {
        poisoned.Freed((byte*)address, block.BinIndex, Stack);
        return poisoned.Quarantine(&address, 1, block.BinIndex);
    }

    public override HakmemCorruptionException? Flush(ThreadCache* cache)
    {
        HakmemCorruptionException? finding = null;
        void** taken = stackalloc void*[PoisonedBlocks.MaxMagazine];
        SizeClassInfo[] classes = Parts.Classes;
        int end = cache == null ? 0 : classes.Length;
        for (int index = 0; index < end && classes[index].BlockBytes <= PoisonedBlocks.MaxBytes; index++)
        {
            int count = CacheExchange.TakeFreed(cache, index, taken);
            finding = count > 0 ? poisoned.Quarantine(taken, count, index) ?? finding : finding;
        }

        return poisoned.Flush() ?? finding;
    }

    public override void Clear() => poisoned.Clear();

    // Checks a free block and records its allocation. Throws if it was written to; it is in its span again then.
    private void HandOut(byte* block, int index, nuint byteCount)
    {
        if (!poisoned.IsIntact(block, index) && poisoned.FreeDamaged(block, index) is { } finding)
        {
            throw finding;
        }

        poisoned.Allocated(block, byteCount, Stack);
    }

    // Puts a freed block into the cache, and blocks that leave it into the quarantine. Returns damage, or null.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private HakmemCorruptionException? Quarantine(ThreadCache* cache, int index, void* block)
    {
        void** taken = stackalloc void*[PoisonedBlocks.MaxMagazine + 1];
        int count = Parts.Exchange.FreeOneWay(cache, index, block, taken);
        HakmemCorruptionException? finding = count > 0 ? poisoned.Quarantine(taken, count, index) : null;
        if (Parts.DepotBudget.IsExceeded)
        {
            Parts.DepotBudget.FlushExcess(Parts.Depots, index);
        }

        return finding;
    }
}
