using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// The slow paths between a thread's cache and the depots: what happens when there is nothing left to take, or no room to put.
//
// The bin's two magazines change places first, so that a program that allocates and frees around a magazine's edge does not visit the
// depot each time (Bonwick & Adams). Each visit doubles what the bin's magazines may hold, up to what the depot fills one with and, for what is
// put, to the class's capacity, and within the thread's byte budget; when the budget is used up, a clock takes idle bins' blocks and capacity away.
//
// A cache passed in must be the calling thread's, or one whose thread has ended and that the caller holds the registry's lock for. Even so
// each way in closes the cache's gate, since the reaper may be in it. What a fast path saw may be out of date by then: it is looked at again.
//
// With a place for what was freed nothing that was put is taken again: the magazines never change places, and what a
// full one holds goes to whoever put the last block of it. All classes are paired then.
internal sealed unsafe partial class CacheExchange(DepotSet depots, SizeClassInfo[] classes, BlockQuarantine? freed = null)
{
    // How many bins the clock looks at when the budget is used up. A thread whose sizes do not fit its budget looks at every visit: with eight, calls of
    // 16 bytes to 256 KiB took 24 ns, with two 15.
    private const int ClockSteps = 2;

    // How many of the blocks that were freed last are looked at for one that was freed twice before they are handed out
    // again: of more, the look would be felt in a loop that allocates what it has just freed.
    private const int RepeatReach = 8;

    // What part of what is wanted a bin must have to be worth taking: small blocks, which are most calls, are not to pay for large ones. (With the
    // same sizes they did, with 43 ns a call instead of 17.) Each round in which nothing was worth it halves the part.
    private const int TurnsPerRound = SizeClass.Count / ClockSteps;
    private const int WorthwhileShift = 3;
    private const int MaxWorthwhileShift = 62;

    // What the magazines of one thread's cache may hold, in bytes. Written by the registry when threads come and go; any value that a
    // thread reads was right a moment ago.
    private long _budgetBytes;

    private bool IsOneWay => freed is not null;

    public long BudgetBytes
    {
        get => Volatile.Read(ref _budgetBytes);
        set => Volatile.Write(ref _budgetBytes, value);
    }

    // Lets a paired class's magazines change places when there is nothing left to take, and takes a block: what a loop of allocating and freeing
    // does once a magazine, and so by far the commonest of the slow paths. Null if there is none, or no second magazine.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* TryAllocFromSecondary(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        void** newest = index >= cache->FirstStacked || bin->Primary == null ? null : ThreadCache.FreeSideOf(cache, index)->FreeTop;
        if (newest == null || *newest == null || Magazines.HasRepeated(newest, RepeatReach))
        {
            return null;
        }

        CacheGate.Close(cache);
        void* block = TryAllocLoaded(cache, index);
        CacheGate.Open(cache);
        return block;
    }

    // The class of a block that Free found nothing wrong with but that its magazine is full, or -1. What was said of it by that is all that would be
    // said of it with room left, so it is not looked for in the records: they are cold, and looking cost more than the exchange that follows. A
    // magazine that is empty, or a bin that was closed (see FreeSide), does not tell whether the block was freed just before.
    public static int ClassIfFull(ThreadCache* cache, void* block)
    {
        ulong entry = Arena.EntryOf(cache->PageMap, block);
        FreeSide* put = ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry));
        if (!FreeSide.Admits(put, entry, block))
        {
            // Then this need not be a top: the entry's heap may have pairs where this one has stacks.
            return -1;
        }

        void** top = put->FreeTop;

        // In this order: the reaper closes a bin before it takes the block that was freed last.
        void* last = (void*)Volatile.Read(ref *(nint*)top);
        void** end = put->FreeEnd;
        return end != null && top >= end && last != null && last != block ? PageMapEntry.SizeClassOf(entry) : -1;
    }

    // Takes a block of a class whose taking magazine is empty. Null if memory is out, or if among the blocks that it
    // would be taken from one was found to have been freed twice: its address is given, else 0, and it is there only
    // once now.
    public void* TryTake(ThreadCache* cache, int index, out nuint corruptAddress)
    {
        // Made before the gate is closed, if it is not there yet, since that may throw.
        Depot depot = depots[index];
        CacheGate.Close(cache);
        try
        {
            corruptAddress = IsOneWay ? 0 : TakeOutRepeated(cache, index);
            return corruptAddress != 0 ? null : TryAllocLocked(cache, index, depot);
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // Puts a block of a class whose putting magazine is full. Gives the address of a block found to be free already, or 0; the block
    // put is in good order either way.
    public nuint Put(ThreadCache* cache, int index, void* block)
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

    // Puts a block of which Free's short way could not tell that it was not freed just before. False, and nothing is
    // put, if it is known to be free: inside the gate no block is on the reaper's way from the cache to its span. Not
    // asked of one that isLive.
    public bool TryPut(ThreadCache* cache, int index, void* block, bool isLive, out nuint corruptAddress)
    {
        CacheGate.Close(cache);
        try
        {
            corruptAddress = 0;
            if (!isLive && (Contains(cache, index, block) || depots[index].IsFree(block)))
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

    // Where blocks go one way: puts a block of which Free's short way found no room. Gives the number of blocks that are the
    // caller's now, which taken has (and has room for as many as a magazine, and one more).
    public int FreeOneWay(ThreadCache* cache, int index, void* block, void** taken)
    {
        CacheGate.Close(cache);
        try
        {
            Bin* bin = ThreadCache.BinAt(cache, (uint)index);
            BinState* state = ThreadCache.StateAt(cache, index);
            state->IsReferenced = true;
            SaveCounts(cache, index);
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
                    bin->Secondary = depots[index].TryTakeEmpty(null, PhysicalCapacity(index, state), out _);
                }
            }

            Load(cache, index);
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

    // Where blocks go one way: takes the blocks of a class that were put, up to a magazine's number; gives their number.
    public static int TakeFreed(ThreadCache* cache, int index, void** taken)
    {
        CacheGate.Close(cache);
        try
        {
            SaveCounts(cache, index);
            int count = TakeFreed(ThreadCache.BinAt(cache, (uint)index), taken);
            Load(cache, index);
            return count;
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // Gives all magazines to the depots; the bins are as before their first use.
    public void FlushAll(ThreadCache* cache)
    {
        CacheGate.Close(cache);
        try
        {
            for (int index = 0; index < SizeClass.Count; index++)
            {
                Flush(cache, index);
            }
        }
        finally
        {
            CacheGate.Open(cache);
        }
    }

    // All that follows is inside the gate.

    private static int TakeFreed(Bin* bin, void** taken)
    {
        int count = bin->Secondary == null ? 0 : bin->Secondary->Count;
        for (int i = 0; i < count; i++)
        {
            taken[i] = Magazine.SlotsOf(bin->Secondary)[i];
        }

        if (count > 0)
        {
            bin->Secondary->Count = 0;
        }

        return count;
    }

    // Takes what the taking magazine has after all, the reaper having put it back, or else what a paired class's putting magazine has.
    private static void* TryAllocLoaded(ThreadCache* cache, int index, bool isOneWay = false)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        if (*bin->AllocTop != null)
        {
            return *bin->AllocTop--;
        }

        Magazine* empty = bin->Primary;
        if (isOneWay || index >= cache->FirstStacked || empty == null)
        {
            return null;
        }

        FreeSide* put = ThreadCache.FreeSideOf(cache, index);
        void** slots = Magazine.SlotsOf(empty);
        void** top = put->FreeTop;
        if (*top == null)
        {
            return null;
        }

        bin->Primary = bin->Secondary;
        bin->AllocTop = top - 1;
        bin->Secondary = empty;
        put->FreeTop = slots - 1;
        put->FreeEnd = slots + Math.Min(ThreadCache.StateAt(cache, index)->Capacity, empty->Capacity) - 1;
        empty->Holes = 0;
        return *top;
    }

    private void* TryAllocLocked(ThreadCache* cache, int index, Depot depot)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        bool isPaired = index < cache->FirstStacked;
        void* block = TryAllocLoaded(cache, index, IsOneWay);
        if (block != null)
        {
            return block;
        }

        SaveCounts(cache, index);
        if (!isPaired && bin->Secondary != null && bin->Secondary->Count > 0)
        {
            Swap(bin);
            Load(cache, index);
            return *bin->AllocTop--;
        }

        // A thread that has come back for more uses what it gets; of the first magazine of a class it may want one block.
        bool isBack = state->Capacity > 0;
        state->IsReferenced = true;
        if (state->Capacity < classes[index].RefillCapacity)
        {
            Grow(cache, index, state);
        }
        else if (cache->CapacityBytes > BudgetBytes)
        {
            // The budget has become smaller, as other threads came.
            SweepIdleBins(cache, index, 0);
        }

        if (bin->Primary == null && !isPaired)
        {
            bin->Primary = depot.TryTakeEmpty(null, PhysicalCapacity(index, state), out _);
        }

        Magazine* full = depot.TryTakeFull(bin->Primary, state->Capacity, isBack);
        bin->Primary = full == null ? bin->Primary : full;
        Load(cache, index);

        // Even without a magazine to be had, there may be a block.
        return full == null ? depot.TryAllocOne(out _) : *bin->AllocTop--;
    }

    private nuint FreeLocked(ThreadCache* cache, int index, void* block)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        state->IsReferenced = true;
        SaveCounts(cache, index);
        bool isPaired = index < cache->FirstStacked;
        nuint corruptAddress = 0;

        // There may be room already: the reaper took blocks, or closed an idle bin to hear of this free.
        bool hasRoom = HasRoom(isPaired ? bin->Secondary : bin->Primary, state) ||
            (isPaired ? TryMakeRoomPaired(cache, index, out corruptAddress) : TryMakeRoomStacked(cache, index, out corruptAddress));
        Load(cache, index);
        if (hasRoom)
        {
            *++ThreadCache.FreeSideOf(cache, index)->FreeTop = block;
            return corruptAddress;
        }

        // Not in the magazine, so that the next free must not judge by that whether it is the same block: closed, as the reaper closes.
        ThreadCache.FreeSideOf(cache, index)->FreeEnd = null;
        return depots[index].TryFreeOne(block) ? corruptAddress : (nuint)block;
    }

    // A paired class: the magazines change places if nothing is left to take; else the full one goes to the depot.
    private bool TryMakeRoomPaired(ThreadCache* cache, int index, out nuint corruptAddress)
    {
        corruptAddress = 0;
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        if (bin->Secondary != null && bin->Primary != null && bin->Primary->Count == 0)
        {
            Swap(bin);
            return true;
        }

        if (bin->Secondary != null || state->Capacity == 0)
        {
            Grow(cache, index, state);
        }

        return HasRoom(bin->Secondary, state) || TryReplace(ref bin->Secondary, bin->Secondary, index, state, out corruptAddress);
    }

    // A stacked class: the loaded magazine may hold more as long as the budget allows; only at the class's capacity is a second one filled, if
    // the class has one and the budget allows it, which goes to the depot when both are full.
    private bool TryMakeRoomStacked(ThreadCache* cache, int index, out nuint corruptAddress)
    {
        corruptAddress = 0;
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        int most = classes[index].MagazineCapacity;
        if (state->Capacity < most)
        {
            Grow(cache, index, state);
            return HasRoom(bin->Primary, state) || TryReplace(ref bin->Primary, bin->Primary, index, state, out corruptAddress);
        }

        if (bin->Secondary != null && bin->Secondary->Count == 0)
        {
            Swap(bin);
            return true;
        }

        if (!state->HasSecond)
        {
            long more = (long)most * classes[index].BlockBytes;
            if (!classes[index].AllowsSecond || !HasBudget(cache, index, more))
            {
                return TryReplace(ref bin->Primary, bin->Primary, index, state, out corruptAddress);
            }

            state->HasSecond = true;
            cache->CapacityBytes += more;
        }

        Magazine* full = bin->Primary;
        bool hasRoom = TryReplace(ref bin->Primary, bin->Secondary, index, state, out corruptAddress);
        bin->Secondary = hasRoom ? full : bin->Secondary;
        return hasRoom;
    }

    private static bool HasRoom(Magazine* magazine, BinState* state) =>
        magazine != null && magazine->Count < Math.Min(state->Capacity, magazine->Capacity);

    // Gives a magazine to the depot (or none) and puts an empty one in a place.
    private bool TryReplace(ref Magazine* place, Magazine* given, int index, BinState* state, out nuint corruptAddress)
    {
        Magazine* empty = depots[index].TryTakeEmpty(given, PhysicalCapacity(index, state), out corruptAddress);
        place = empty == null ? place : empty;
        return empty != null;
    }

    // A paired class's magazines are as large as it needs them now: most stay small. Those of a stacked class have room to grow in,
    // and those that stay with their bin.
    private int PhysicalCapacity(int index, BinState* state) =>
        classes[index].IsStacked || IsOneWay ? classes[index].MagazineCapacity : state->Capacity;

    private void Grow(ThreadCache* cache, int index, BinState* state)
    {
        SizeClassInfo info = classes[index];
        int capacity = state->Capacity == 0 ? info.InitialCapacity : Math.Min(state->Capacity * 2, info.MagazineCapacity);
        long more = CapacityBytes(info, capacity, state->HasSecond) - CapacityBytes(info, state->Capacity, state->HasSecond);
        if (!HasBudget(cache, index, more))
        {
            if (state->Capacity > 0)
            {
                return;
            }

            // A class that is new to the thread gets its least even so.
            capacity = 1;
            more = CapacityBytes(info, capacity, hasSecond: false);
        }

        state->Capacity = capacity;
        cache->CapacityBytes += more;
    }

    // What the magazines of a bin may hold together, in bytes: two of them, or one for a stacked class that has not needed a second.
    private static long CapacityBytes(SizeClassInfo info, int capacity, bool hasSecond)
    {
        int magazines = info.IsStacked && !hasSecond ? 1 : 2;
        return (long)magazines * capacity * info.BlockBytes;
    }

    // Whether the thread may hold so many bytes more of a class, once others have made room where they can. A class that has what it needs does not
    // ask them for what would be too much for itself alone.
    private bool HasBudget(ThreadCache* cache, int index, long more)
    {
        SizeClassInfo info = classes[index];
        BinState* state = ThreadCache.StateAt(cache, index);
        bool isVain = state->Capacity >= info.RefillCapacity && CapacityBytes(info, state->Capacity, state->HasSecond) + more > BudgetBytes;
        if (!isVain && cache->CapacityBytes + more > BudgetBytes)
        {
            SweepIdleBins(cache, index, more);
        }

        return cache->CapacityBytes + more <= BudgetBytes;
    }
}
