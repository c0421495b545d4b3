using System;
using System.Globalization;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// Blocks of the 112 size classes: the slow paths between the public allocator, the thread's cache and the depots.
//
// Thread-safe. Their magazines and spans decide whether a block is free; see CacheExchange and SpanSet.
internal unsafe class SmallKind(HeapParts heap) : BlockKind
{
    // From this size on, a zeroed allocation asks whether memory is known to be zero before it clears it. Below, the
    // question costs more than the clearing.
    public const nuint ZeroCheckBytes = 32 << 10;

    // The heap's growth count when dead threads were last looked for. A stale reading looks once too often or too late.
    private volatile int _checkedForDeadAt;

    public override UnitKind MapKind => UnitKind.Span;

    protected HeapParts Parts => heap;

    // The size class that serves a request, or -1 if none does.
    public static int ClassFor(nuint byteCount, nuint alignment)
    {
        if (byteCount > SizeClass.MaxBytes || alignment > Geometry.UnitBytes)
        {
            return -1;
        }

        // A span begins at a unit, so a block is aligned as its size class is.
        nuint size = (nuint.Max(byteCount, 1) + alignment - 1) & ~(alignment - 1);
        int index = (int)SizeClass.IndexOf(size - 1);
        while (alignment > Geometry.MinAlignment && (nuint)SizeClass.BytesOf(index) % alignment != 0)
        {
            index++;
        }

        return index;
    }

    // Whether a request is for a block of this kind.
    public virtual bool Serves(nuint byteCount, nuint alignment) => ClassFor(byteCount, alignment) >= 0;

    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        int sizeClass = ClassFor(byteCount, alignment);
        int index = IndexFor(cache, sizeClass);
        bool isZero = false;
        void* block = null;
        if (cache != null && !(isZeroed && byteCount >= ZeroCheckBytes && BinCounts.CountOf(cache, index) == 0))
        {
            block = TakeCached(cache, index);
        }

        if (block == null)
        {
            block = heap.Depots[index].TryAllocOne(out isZero);
            block = block == null ? TryAllocFromOtherStripe(cache, sizeClass) : block;
            block = cache == null ? block : SampleCountdown.CountOne(cache, index, block);
        }

        if (block != null && isZeroed && !isZero)
        {
            new Span<byte>(block, (int)byteCount).Clear();
        }

        return block;
    }

    public override nuint GoodSize(nuint byteCount) => (nuint)SizeClass.BytesOf(ClassFor(byteCount, 1));

    public override BlockInfo Resolve(void* address, DecodedEntry entry, string operation)
    {
        if (entry.HeapSlot != heap.Slot)
        {
            throw Misuse.OtherHeap(address, operation);
        }

        nuint inSpan = (nuint)address - entry.Address;
        SizeClassInfo info = heap.Classes[entry.BinIndex];
        if (inSpan >= (nuint)info.SpanBlockBytes)
        {
            throw Misuse.Of(address, operation, "it lies behind the last block of a span");
        }

        // One division, where / and % are compiled to two.
        uint blockBytes = (uint)info.BlockBytes;
        uint index = (uint)inSpan / blockBytes;
        Misuse.RequireStart(address, operation, (uint)inSpan - (index * blockBytes), blockBytes);
        return new BlockInfo(this, heap.Arena.UnitOf(entry.Address), info.Index, (int)index, blockBytes);
    }

    // A block that has left its span is in the thread's own cache, with a caller, or in another cache. The records do
    // not tell the last two apart.
    public override void RequireLive(ThreadCache* cache, BlockInfo block, void* address, string operation)
    {
        if ((cache != null && BinCounts.Contains(cache, block.BinIndex, address)) || IsFreeInSpan(block))
        {
            throw FreedAlready(block, address, operation);
        }
    }

    public override HakmemCorruptionException FreedAlready(BlockInfo block, void* address, string operation) =>
        Misuse.FreedAlready(address, operation);

    public override HakmemCorruptionException? Free(ThreadCache* cache, BlockInfo block, void* address)
    {
        nuint corruptAddress = 0;
        if (!(cache != null
            ? heap.Exchange.TryFree(cache, block.BinIndex, address, heap.HasLiveTable, out corruptAddress)
            : heap.Depots[block.BinIndex].TryFreeOne(address)))
        {
            throw FreedAlready(block, address, "Free");
        }

        return FinishFree(cache, block.BinIndex, corruptAddress);
    }

    // Frees a block for which Free's inlined path found nothing but a full magazine. False if that is not known.
    public bool TryFreeIntoFull(ThreadCache* cache, void* address, out HakmemCorruptionException? finding)
    {
        int full = -1;
        bool isKnown = cache != null && !heap.HasLiveTable &&
            CacheExchange.TryGetFullBinClass(cache, address, out full);
        finding = isKnown ? FinishFree(cache, full, heap.Exchange.Free(cache, full, address)) : null;
        return isKnown;
    }

    // A block keeps its place as long as it uses more than half of it.
    public override ResizeResult TryResizeInPlace(
        BlockInfo block, void* address, nuint byteCount, bool mayShrink) =>
        byteCount <= block.Bytes && byteCount > block.Bytes / 2 ? ResizeResult.Done : ResizeResult.NoRoom;

    // Freeing a small block is one step, which decides races; resizing by a copy needs no hold.
    public override bool TryHold(void* address, string operation, out BlockInfo block)
    {
        block = default;
        return false;
    }

    public override void Unhold(BlockInfo block, void* address)
    {
    }

    public override HakmemCorruptionException? FreeHeld(BlockInfo block, void* address) => Free(null, block, address);

    public override KindTotals NewTotals() => new SmallTotals(heap);

    // A unit without a span's first entry is being opened or closed: entries are cleared from the first unit on.
    public override int Describe(int unit, DecodedEntry entry, Span<UnitInfo> units)
    {
        if (entry.Address != (nuint)heap.Arena.AddressOfUnit(unit))
        {
            units[0] = new UnitInfo(UnitKind.Changing, IsFirst: false, 0, 0, 0);
            return 1;
        }

        SizeClassInfo info = heap.Classes[entry.BinIndex];
        int freeBlocks = Math.Clamp(Volatile.Read(ref heap.Arena.Span(unit)->FreeCount), 0, info.BlocksPerSpan);
        var span = new UnitInfo(
            MapKind, IsFirst: false, info.BlockBytes, info.BlocksPerSpan, info.BlocksPerSpan - freeBlocks);
        units[..info.SpanUnits].Fill(span);
        units[0] = span with { IsFirst = true };
        return info.SpanUnits;
    }

    // The rest of a span's records is checked under its depot's lock.
    public override void Verify(HeapCheck check, int unit, DecodedEntry entry, int unitCount)
    {
        nuint address = (nuint)heap.Arena.AddressOfUnit(unit);
        check.Require(entry.HeapSlot == heap.Slot, "the page map names the heap of a span", address, entry.HeapSlot);
        check.Require(
            unitCount == heap.Classes[entry.BinIndex].SpanUnits, "a span has the units that its class needs", address,
            unitCount);
        check.AddSpan(entry.BinIndex, unit);
    }

    public override HakmemCorruptionException? Flush(ThreadCache* cache) => null;

    // The heap clears depots and caches itself.
    public override void Clear()
    {
    }

    // A block of a class from the cache, after an exchange with the depot if need be; null if memory is out.
    protected void* TakeCached(ThreadCache* cache, int index)
    {
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        void** top = from->AllocTop;
        void* block = *top;
        if (block != null)
        {
            from->AllocTop = top - 1;
            return block;
        }

        block = heap.Exchange.TryAlloc(cache, index, out nuint corruptAddress);
        if (corruptAddress != 0)
        {
            throw Misuse.Of(
                (void*)corruptAddress, "Alloc", "an earlier double free: the block was about to be handed out twice");
        }


        // The heap grew: before it does so again, the blocks of dead threads are flushed.
        int growth = heap.SuperSlabs.GrowthCount;
        if (growth != _checkedForDeadAt)
        {
            _checkedForDeadAt = growth;
            heap.Registry.FlushDead();
        }

        return block;
    }

    // The bin that a thread's blocks of a class come from. Threads without a cache belong to the first stripe.
    private int IndexFor(ThreadCache* cache, int sizeClass) => cache != null
        ? ThreadCache.OwnIndexOf(cache, sizeClass)
        : IsStriped(sizeClass) ? Stripe.BinOf(0, sizeClass) : sizeClass;

    private bool IsStriped(int sizeClass) => sizeClass < Stripe.ClassCount && heap.Classes.Length > SizeClass.Count;

    // A block that is free in another stripe, where memory for a span of the own is out; null if there is none. The
    // thread's cache may have some that are on their way home.
    private void* TryAllocFromOtherStripe(ThreadCache* cache, int sizeClass)
    {
        void* block = cache != null && IsStriped(sizeClass) ? heap.Exchange.TryAllocForeign(cache, sizeClass) : null;
        for (int stripe = 0; stripe < Stripe.Count && block == null && IsStriped(sizeClass); stripe++)
        {
            Depot? depot = heap.Depots.Find(Stripe.BinOf(stripe, sizeClass));
            block = depot is null ? null : depot.TryAllocOne(out _, mayGrow: false);
        }

        return block;
    }

    // Keeps the depots within their budget after a free. Returns the error for a corrupt block, or null.
    protected HakmemCorruptionException? FinishFree(ThreadCache* cache, int binIndex, nuint corruptAddress)
    {
        // A block of a striped class was counted where it belongs.
        int stripe = binIndex >= SizeClass.Count ? Stripe.OfBin(binIndex) : cache == null ? 0 : cache->Number;
        if (heap.DepotBudget.IsExceededSince(stripe))
        {
            nuint found = heap.DepotBudget.FlushExcess(heap.Depots, binIndex);
            corruptAddress = found != 0 ? found : corruptAddress;
        }

        return Misuse.LateDoubleFree(corruptAddress);
    }

    // Whether a block is free in its span, rather than with a caller or in a magazine. Read without the depot's lock:
    // for a block that a caller owns, neither its bit nor the carved count can change, so no race makes a live block
    // look free.
    private bool IsFreeInSpan(BlockInfo block)
    {
        ulong word = Volatile.Read(ref heap.Arena.Bitmap(block.First)[block.Index >> 6]);
        return block.Index >= Volatile.Read(ref heap.Arena.Span(block.First)->Carved) ||
            (word & (1UL << block.Index)) != 0;
    }
}
