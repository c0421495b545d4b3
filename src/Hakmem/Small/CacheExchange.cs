using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// The slow paths between a thread's cache and the depots, for an empty magazine in Alloc or a full one in Free.
//
// The bin's two magazines are swapped first, so that a program that allocates and frees around a magazine's edge does
// not enter the depot each time (Bonwick & Adams). Each visit to the depot doubles the capacity of the bin's magazines,
// up to the refill capacity for Alloc and the class's capacity for Free, within the thread's byte budget. When the
// budget is used up, the clock algorithm flushes idle bins.
//
// A cache passed in belongs to the calling thread, or its thread has ended and the caller holds the registry's lock.
// Each entry point closes the cache's gate, because the reaper may hold it. What a fast path read before may have
// changed by then, so it is read again inside.
//
// With a quarantine (full hardening) freed blocks are never allocated again from the cache: the magazines are not
// swapped, and FreeOneWay hands the contents of a full secondary magazine to its caller. All classes are paired then.
//
// Invariants, inside the gate between Save and Load: (1) each magazine's Count is at most its Capacity, and Holes is 0;
// (2) CapacityBytes of the cache is the sum over its bins; (3) a bin without capacity has no magazines.
internal sealed unsafe partial class CacheExchange(
    DepotSet depots, SizeClassInfo[] classes, BlockQuarantine? quarantine = null)
{
    private bool IsOneWay => quarantine is not null;

    // Swaps a paired class's magazines when the primary one is empty, and allocates a block: a loop of Alloc and Free
    // needs this once a magazine, so it is the commonest slow path. Null without a block or a second magazine.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* TryAllocFromSecondary(ThreadCache* cache, int sizeClass)
    {
        int index = ThreadCache.OwnIndexOf(cache, sizeClass);
        void** newest = sizeClass >= cache->FirstStacked || ThreadCache.BinAt(cache, (uint)sizeClass)->Primary == null
            ? null
            : ThreadCache.FreeSideOf(cache, index)->FreeTop;
        if (newest == null || *newest == null || RepeatedFrees.AreIn(newest))
        {
            return null;
        }

        CacheGate.Close(cache);
        void* block = TryAllocLoaded(cache, index);
        CacheGate.Open(cache);
        return block;
    }

    // Whether Free found nothing wrong with a block but that its magazine is full, and the block's class. The fast
    // path's check is as strict as a lookup in the records would be, so the lookup is skipped: the records are cold,
    // and reading them cost more than the exchange that follows. False if the magazine is empty or the bin is closed
    // (see FreeSide), because the newest slot then does not tell whether the block was freed just before.
    public static bool TryGetFullBinClass(ThreadCache* cache, void* block, out int sizeClass)
    {
        ulong entry = Arena.EntryOf(cache, block);
        FreeSide* side = ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry));
        sizeClass = PageMapEntry.BinIndexOf(entry);
        if (!FreeSide.Admits(side, entry, block) || !FreeSide.IsOfKind(side))
        {
            // FreeTop need not be a top here: the entry's heap may pair a class that this heap stacks.
            return false;
        }

        void** top = side->FreeTop;

        // In this order: the reaper closes a bin before it takes the block that was freed last.
        void* last = (void*)Volatile.Read(ref *(nint*)top);
        void** end = side->FreeEnd;
        return end != null && top >= end && last != null && last != block;
    }

    // Allocates a block of a class whose primary magazine is empty. Null if memory is out, or if a double free was
    // found among its blocks: then corruptAddress, else 0, is that block's address, and one copy of it was removed.
    public void* TryAlloc(ThreadCache* cache, int index, out nuint corruptAddress)
    {
        // The depot and its stripes are created before the gate is closed, because that may throw.
        Depot depot = depots[index];
        depot.Prepare(cache->Number);
        CacheGate.Close(cache);
        try
        {
            corruptAddress = IsOneWay ? 0 : RepeatedFrees.RemoveFrom(cache, index);
            return corruptAddress != 0 ? null : TryAllocLocked(cache, index, depot);
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // Allocates a block of another stripe that waits in the cache for its way home. Null if there is none.
    public void* TryAllocForeign(ThreadCache* cache, int sizeClass)
    {
        CacheGate.Close(cache);
        try
        {
            void* block = null;
            for (int stripe = 0; stripe < Stripe.Count && block == null; stripe++)
            {
                int index = Stripe.BinOf(stripe, sizeClass);
                Magazine* magazine = ThreadCache.BinOf(cache, index)->Secondary;
                if (magazine != null && ThreadCache.IsForeign(cache, index))
                {
                    BinCounts.Save(cache, index);
                    block = magazine->Count > 0 ? Magazine.SlotsOf(magazine)[--magazine->Count] : null;
                    BinCounts.Load(cache, index);
                }
            }

            return block;
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // Frees a block of a class whose magazine for Free is full. Returns the address of a block that was found to be
    // free already, or 0; the block passed in is freed in both cases.
    public nuint Free(ThreadCache* cache, int index, void* block)
    {
        CacheGate.Close(cache);
        try
        {
            return FreeLocked(cache, index, block);
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // Frees a block for which the fast path could not exclude that it was freed just before. Returns false, and does
    // nothing, if the block is free: inside the gate no block is between cache and span. isLive skips that check.
    public bool TryFree(ThreadCache* cache, int index, void* block, bool isLive, out nuint corruptAddress)
    {
        CacheGate.Close(cache);
        try
        {
            corruptAddress = 0;
            if (!isLive && (BinCounts.Contains(cache, index, block) || depots[index].IsFree(block)))
            {
                return false;
            }

            corruptAddress = FreeLocked(cache, index, block);
            return true;
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // With a quarantine: frees a block for which the fast path found no room. Returns the number of blocks in taken,
    // which the caller has to pass on; taken has room for a magazine's blocks and one more.
    public int FreeOneWay(ThreadCache* cache, int index, void* block, void** taken)
    {
        CacheGate.Close(cache);
        try
        {
            Debug.Assert(index < cache->FirstStacked, "With a quarantine all classes are paired.");
            Bin* bin = ThreadCache.BinAt(cache, (uint)index);
            BinState* state = ThreadCache.StateAt(cache, index);
            state->IsReferenced = true;
            BinCounts.Save(cache, index);
            if (state->Capacity < classes[index].MagazineCapacity)
            {
                Grow(cache, index, state);
            }

            int count = 0;
            if (!HasRoom(bin->Secondary, state))
            {
                count = TakeFreed(bin, taken);
                if (bin->Secondary == null)
                {
                    bin->Secondary = depots[index].ExchangeForEmpty(
                        null, PhysicalCapacity(cache, index), out _, cache->Number);
                }
            }

            BinCounts.Load(cache, index);
            if (HasRoom(bin->Secondary, state))
            {
                *++ThreadCache.FreeSideOf(cache, index)->FreeTop = block;
                return count;
            }

            taken[count] = block;
            return count + 1;
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // With a quarantine: moves the freed blocks of a class, at most a magazine's, to taken and returns their number.
    public static int TakeFreed(ThreadCache* cache, int index, void** taken)
    {
        CacheGate.Close(cache);
        try
        {
            BinCounts.Save(cache, index);
            int count = TakeFreed(ThreadCache.BinOf(cache, index), taken);
            BinCounts.Load(cache, index);
            return count;
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // Moves all magazines to the depots; the bins are as before their first use.
    public void FlushAll(ThreadCache* cache)
    {
        CacheGate.Close(cache);
        try
        {
            for (int index = ThreadCache.FirstIndexOf(cache); index < classes.Length; index++)
            {
                Flush(cache, index);
            }

            Debug.Assert(cache->CapacityBytes == 0, "A cache without magazines has capacity.");
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // All methods below run inside the gate.

    private static int TakeFreed(Bin* bin, void** taken)
    {
        int count = bin->Secondary == null ? 0 : bin->Secondary->Count;
        if (count > 0)
        {
            void** slots = Magazine.SlotsOf(bin->Secondary);
            new Span<nint>(slots, count).CopyTo(new Span<nint>(taken, count));
            bin->Secondary->Count = 0;
        }

        return count;
    }

    // Allocates from the primary magazine if the reaper has put a block back meanwhile, else swaps a paired class's
    // magazines and allocates from the other.
    private static void* TryAllocLoaded(ThreadCache* cache, int index, bool isOneWay = false)
    {
        CacheGate.AssertClosed(cache);
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        if (*from->AllocTop != null)
        {
            return *from->AllocTop--;
        }

        if (cache->Profile != null)
        {
            return SampleCountdown.TryAllocLoaded(cache, index, !isOneWay && !ThreadCache.IsStacked(cache, index));
        }

        Magazine* empty = from->Primary;
        if (isOneWay || ThreadCache.IsStacked(cache, index) || empty == null)
        {
            return null;
        }

        FreeSide* side = ThreadCache.FreeSideOf(cache, index);
        void** slots = Magazine.SlotsOf(empty);
        void** top = side->FreeTop;
        if (*top == null)
        {
            return null;
        }

        Bin* bin = ThreadCache.BinOf(cache, index);
        from->Primary = bin->Secondary;
        from->AllocTop = top - 1;
        bin->Secondary = empty;
        side->FreeTop = slots - 1;
        side->FreeEnd = slots + Math.Min(ThreadCache.StateAt(cache, index)->Capacity, empty->Capacity) - 1;
        empty->Holes = 0;
        return *top;
    }

    private void* TryAllocLocked(ThreadCache* cache, int index, Depot depot)
    {
        void* block = TryAllocLoaded(cache, index, IsOneWay);
        if (block != null)
        {
            return block;
        }

        BinCounts.Save(cache, index);
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        BinState* state = ThreadCache.StateAt(cache, index);
        bool isPaired = !ThreadCache.IsStacked(cache, index);
        Magazine* reserve = ThreadCache.BinOf(cache, index)->Secondary;
        if (!isPaired && reserve != null && reserve->Count > 0)
        {
            Swap(cache, index);
            BinCounts.Load(cache, index);
            return *from->AllocTop--;
        }

        // A thread that returns for more uses all it gets; of its first magazine of a class it may need one block.
        bool isBack = state->Capacity > 0;
        state->IsReferenced = true;
        if (state->Capacity < classes[index].RefillCapacity)
        {
            Grow(cache, index, state);
        }
        else if (cache->CapacityBytes > BudgetBytes)
        {
            // The budget has shrunk, because other threads started.
            SweepIdleBins(cache, index, 0);
        }

        if (from->Primary == null && !isPaired)
        {
            from->Primary = depot.ExchangeForEmpty(null, PhysicalCapacity(cache, index), out _, cache->Number);
        }

        Magazine* full = depot.ExchangeForFull(from->Primary, state->Capacity, isBack, cache->Number);
        from->Primary = full == null ? from->Primary : full;
        BinCounts.Load(cache, index);

        // If no magazine can be had, a single block may.
        return full != null ? *from->AllocTop-- : SampleCountdown.CountOne(cache, index, depot.TryAllocOne(out _));
    }

    private nuint FreeLocked(ThreadCache* cache, int index, void* block)
    {
        CacheGate.AssertClosed(cache);
        BinState* state = ThreadCache.StateAt(cache, index);
        state->IsReferenced = true;
        BinCounts.Save(cache, index);
        bool isPaired = !ThreadCache.IsStacked(cache, index);
        Magazine* target = isPaired
            ? ThreadCache.BinOf(cache, index)->Secondary
            : ThreadCache.AllocBinOf(cache, index)->Primary;
        nuint corruptAddress = 0;

        // There may be room already: the reaper took blocks, or closed an idle bin so that this free comes here.
        bool hasRoom = HasRoom(target, state) || (isPaired
            ? TryMakeRoomPaired(cache, index, out corruptAddress)
            : TryMakeRoomStacked(cache, index, out corruptAddress));
        BinCounts.Load(cache, index);
        if (hasRoom)
        {
            *++ThreadCache.FreeSideOf(cache, index)->FreeTop = block;
            return corruptAddress;
        }

        // The block is not in the magazine, so the next free cannot see there whether it frees the same block again.
        // The bin is closed, as the reaper closes it, so that the next free takes the slow path.
        ThreadCache.FreeSideOf(cache, index)->FreeEnd = null;
        return depots[index].TryFreeOne(block) ? corruptAddress : (nuint)block;
    }

    // A paired class: swaps the magazines if the primary one is empty; else the full one goes to the depot.
    private bool TryMakeRoomPaired(ThreadCache* cache, int index, out nuint corruptAddress)
    {
        corruptAddress = 0;
        Bin* bin = ThreadCache.BinOf(cache, index);
        BinState* state = ThreadCache.StateAt(cache, index);
        Magazine* primary = ThreadCache.AllocBinOf(cache, index)->Primary;
        if (bin->Secondary != null && primary != null && primary->Count == 0)
        {
            Swap(cache, index);
            return true;
        }

        if (bin->Secondary != null || state->Capacity == 0)
        {
            Grow(cache, index, state);
        }

        return HasRoom(bin->Secondary, state) ||
            TryReplace(ref bin->Secondary, bin->Secondary, index, cache, out corruptAddress);
    }

    // A stacked class: the primary magazine grows as far as the budget allows. At the class's capacity a second one
    // takes the older blocks, if the class allows it and the budget has room; it goes to the depot when it is full. The
    // newer half always stays where it is, so that neither the next frees nor the next allocations have to come back.
    private bool TryMakeRoomStacked(ThreadCache* cache, int index, out nuint corruptAddress)
    {
        corruptAddress = 0;
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        int most = classes[index].MagazineCapacity;
        if (state->Capacity < most)
        {
            Grow(cache, index, state);
            if (HasRoom(bin->Primary, state))
            {
                return true;
            }
        }

        // A block that was freed twice has to be in one magazine with itself for the depot to find it.
        Magazine* full = bin->Primary;
        int newer = full == null ? 0 : full->Count / 2;
        if (newer == 0 || RepeatedFrees.AreAround(full, full->Count - newer))
        {
            return TryReplace(ref bin->Primary, full, index, cache, out corruptAddress);
        }

        if (state->Capacity < most || !TryUseSecond(cache, index, state))
        {
            return TryPassOlder(ref bin->Primary, newer, index, cache, out corruptAddress);
        }

        int older = full->Count - newer;
        if ((bin->Secondary == null || bin->Secondary->Count + older > Math.Min(most, bin->Secondary->Capacity)) &&
            !TryReplace(ref bin->Secondary, bin->Secondary, index, cache, out corruptAddress))
        {
            return false;
        }

        MoveOldest(full, older, bin->Secondary);
        return true;
    }

    // Whether a stacked class may have a second magazine, which counts in the budget from then on.
    private bool TryUseSecond(ThreadCache* cache, int index, BinState* state)
    {
        if (!state->HasSecond && classes[index].AllowsSecond)
        {
            long more = (long)classes[index].MagazineCapacity * classes[index].BlockBytes;
            state->HasSecond = HasBudget(cache, index, more);
            cache->CapacityBytes += state->HasSecond ? more : 0;
        }

        return state->HasSecond;
    }

    private static bool HasRoom(Magazine* magazine, BinState* state) =>
        magazine != null && magazine->Count < Math.Min(state->Capacity, magazine->Capacity);

    private static void Swap(ThreadCache* cache, int index)
    {
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        Bin* to = ThreadCache.BinOf(cache, index);
        Magazine* primary = from->Primary;
        from->Primary = to->Secondary;
        to->Secondary = primary;
    }

    // Passes a magazine's blocks to the depot, but for the newest. False if memory is out.
    [SkipLocalsInit]
    private bool TryPassOlder(
        ref Magazine* target, int newer, int index, ThreadCache* cache, out nuint corruptAddress)
    {
        Magazine* full = target;
        nint* kept = stackalloc nint[SizeClassInfo.MaxMagazine / 2];
        full->Count -= newer;
        new Span<nint>(Magazine.SlotsOf(full) + full->Count, newer).CopyTo(new Span<nint>(kept, newer));
        bool hasRoom = TryReplace(ref target, full, index, cache, out corruptAddress);

        // Without memory for an empty magazine, the blocks are in these slots already.
        new Span<nint>(kept, newer).CopyTo(new Span<nint>(Magazine.SlotsOf(target) + target->Count, newer));
        target->Count += newer;
        return hasRoom;
    }

    // Moves a magazine's oldest blocks to another, which has room for them.
    private static void MoveOldest(Magazine* from, int count, Magazine* to)
    {
        void** slots = Magazine.SlotsOf(from);
        new Span<nint>(slots, count).CopyTo(new Span<nint>(Magazine.SlotsOf(to) + to->Count, count));
        to->Count += count;
        from->Count -= count;
        new Span<nint>(slots + count, from->Count).CopyTo(new Span<nint>(slots, from->Count));
    }

    // Passes a magazine (or null) to the depot and stores an empty one in target. False if memory is out.
    private bool TryReplace(
        ref Magazine* target, Magazine* full, int index, ThreadCache* cache, out nuint corruptAddress)
    {
        Magazine* empty = depots[index].ExchangeForEmpty(
            full, PhysicalCapacity(cache, index), out corruptAddress, cache->Number);
        target = empty == null ? target : empty;
        return empty != null;
    }

    // A paired class's magazines are as large as needed now, since most stay small. Magazines of a stacked class, and
    // those that stay with their bin because of a quarantine, have room to grow.
    private int PhysicalCapacity(ThreadCache* cache, int index) => ThreadCache.IsStacked(cache, index) || IsOneWay
        ? classes[index].MagazineCapacity
        : ThreadCache.StateAt(cache, index)->Capacity;
}
