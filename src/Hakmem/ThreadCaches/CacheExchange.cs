using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Arenas;
using Hakmem.Depots;
using Hakmem.SizeClasses;

namespace Hakmem.ThreadCaches;

// The slow paths between a thread's cache and the depots: what happens when there is nothing left to take, or no room to put.
//
// The bin's two magazines change places first, so that a program that allocates and frees around a magazine's edge does not visit the
// depot each time (Bonwick & Adams). Each visit doubles what the bin's magazines may hold, up to the class's capacity and
// within the thread's byte budget; when the budget is used up, a clock takes idle bins' blocks and capacity away.
//
// A cache passed in must be the calling thread's, or one whose thread has ended and that the caller holds the registry's lock for.
internal sealed unsafe class CacheExchange(Depot[] depots, SizeClassInfo[] classes)
{
    // How many bins the clock looks at when the budget is used up.
    private const int ClockSteps = 8;

    // What the magazines of one thread's cache may hold, in bytes. Written by the registry when threads come and go; any value that a
    // thread reads was right a moment ago.
    private long _budgetBytes;

    public long BudgetBytes
    {
        get => Volatile.Read(ref _budgetBytes);
        set => Volatile.Write(ref _budgetBytes, value);
    }

    // Lets a paired class's magazines change places when there is nothing left to take, and takes a block: what a loop of allocating and freeing
    // does once a magazine, and so by far the commonest of the slow paths. Null if there is none, or no second magazine.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* TryTakeFromPutting(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        Magazine* empty = bin->Taking;
        if (index >= cache->FirstStacked || empty == null)
        {
            return null;
        }

        PutSide* put = ThreadCache.PutSideOf(cache, index);
        void** slots = Magazine.SlotsOf(empty);
        void** top = put->PutTop;
        if (*top == null)
        {
            return null;
        }

        bin->Taking = bin->Putting;
        bin->TakeTop = top - 1;
        bin->Putting = empty;
        put->PutTop = slots - 1;
        put->PutEnd = slots + Math.Min(ThreadCache.StateAt(cache, index)->Capacity, empty->Capacity) - 1;
        return *top;
    }

    // Takes a block of a class whose taking magazine is empty. Null if memory is out.
    public void* TryTake(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        bool isPaired = index < cache->FirstStacked;
        void* block = TryTakeFromPutting(cache, index);
        if (block != null)
        {
            return block;
        }

        SaveCounts(cache, index);
        if (!isPaired && bin->Putting != null && bin->Putting->Count > 0)
        {
            Swap(bin);
            Load(cache, index);
            return *bin->TakeTop--;
        }

        state->IsReferenced = true;
        Grow(cache, index, state);
        if (bin->Taking == null && !isPaired)
        {
            bin->Taking = depots[index].TryTakeEmpty(null, PhysicalCapacity(index, state), out _);
        }

        Magazine* full = depots[index].TryTakeFull(bin->Taking, state->Capacity);
        bin->Taking = full == null ? bin->Taking : full;
        Load(cache, index);

        // Even without a magazine to be had, there may be a block.
        return full == null ? depots[index].TryTakeOne(out _) : *bin->TakeTop--;
    }

    // Puts a block of a class whose putting magazine is full. Gives the address of a block found to be free already, or 0; the block
    // put is in good order either way.
    public nuint Put(ThreadCache* cache, int index, void* block)
    {
        ThreadCache.StateAt(cache, index)->IsReferenced = true;
        SaveCounts(cache, index);
        bool hasRoom = index < cache->FirstStacked
            ? TryMakeRoomPaired(cache, index, out nuint corruptAddress)
            : TryMakeRoomStacked(cache, index, out corruptAddress);
        Load(cache, index);
        if (hasRoom)
        {
            *++ThreadCache.PutSideOf(cache, index)->PutTop = block;
            return corruptAddress;
        }

        return depots[index].TryReturnOne(block) ? corruptAddress : (nuint)block;
    }

    // Whether a block lies free in one of the bin's two magazines.
    public static bool Contains(ThreadCache* cache, int index, void* block)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        return IsIn(bin->Taking, bin->TakeTop, block) || IsIn(bin->Putting, PuttingTop(cache, index), block);
    }

    // How many free blocks of a class a cache holds. Another thread's cache may be read too: the number is then a recent one.
    public static int CountOf(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        return Count(bin->Taking, bin->TakeTop) + Count(bin->Putting, PuttingTop(cache, index));
    }

    // How many blocks of a class a cache's own thread can take before the slow path is entered.
    public static int VisibleOf(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        return Count(bin->Taking, bin->TakeTop);
    }

    // Gives all magazines to the depots; the bins are as before their first use.
    public void FlushAll(ThreadCache* cache)
    {
        for (int index = 0; index < SizeClass.Count; index++)
        {
            Flush(cache, index);
        }
    }

    // Frees the magazines of a cache whose blocks' memory has been given back as a whole.
    public static void DestroyMagazines(MetadataAllocator metadata, ThreadCache* cache)
    {
        for (int index = 0; index < SizeClass.Count; index++)
        {
            Bin* bin = ThreadCache.BinAt(cache, (uint)index);
            if (bin->Taking != null)
            {
                Magazine.Destroy(metadata, bin->Taking);
            }

            if (bin->Putting != null)
            {
                Magazine.Destroy(metadata, bin->Putting);
            }
        }
    }

    private static bool IsIn(Magazine* magazine, void** top, void* block)
    {
        if (magazine == null)
        {
            return false;
        }

        // From the newest down to the null in front of the slots.
        void** slot = top;
        while (*slot != null && *slot != block)
        {
            slot--;
        }

        return *slot == block;
    }

    // Bounded even where top and magazine are read while their owner exchanges them.
    private static int Count(Magazine* magazine, void** top) => magazine == null
        ? 0
        : (int)Math.Clamp(top - Magazine.SlotsOf(magazine) + 1, 0, magazine->Capacity);

    // A paired class: the magazines change places if nothing is left to take; else the full one goes to the depot.
    private bool TryMakeRoomPaired(ThreadCache* cache, int index, out nuint corruptAddress)
    {
        corruptAddress = 0;
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        if (bin->Putting != null && bin->Taking != null && bin->Taking->Count == 0)
        {
            Swap(bin);
            return true;
        }

        if (bin->Putting != null || state->Capacity == 0)
        {
            Grow(cache, index, state);
        }

        return HasRoom(bin->Putting, state) || TryReplace(ref bin->Putting, bin->Putting, index, state, out corruptAddress);
    }

    // A stacked class: the loaded magazine may hold more as long as the budget allows; only at the class's capacity is a second one filled, which
    // goes to the depot when both are full.
    private bool TryMakeRoomStacked(ThreadCache* cache, int index, out nuint corruptAddress)
    {
        corruptAddress = 0;
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        int most = classes[index].MagazineCapacity;
        if (state->Capacity < most)
        {
            Grow(cache, index, state);
            return HasRoom(bin->Taking, state) || TryReplace(ref bin->Taking, bin->Taking, index, state, out corruptAddress);
        }

        if (bin->Putting != null && bin->Putting->Count == 0)
        {
            Swap(bin);
            return true;
        }

        Magazine* full = bin->Taking;
        bool hasRoom = TryReplace(ref bin->Taking, bin->Putting, index, state, out corruptAddress);
        bin->Putting = hasRoom ? full : bin->Putting;
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

    // A paired class's magazines are as large as it needs them now: most stay small. Those of a stacked class have room to grow in.
    private int PhysicalCapacity(int index, BinState* state) =>
        classes[index].IsStacked ? classes[index].MagazineCapacity : state->Capacity;

    private static void Swap(Bin* bin)
    {
        Magazine* taking = bin->Taking;
        bin->Taking = bin->Putting;
        bin->Putting = taking;
    }

    // The newest slot of the second magazine: that which Free puts into for a paired class, the waiting one for a stacked class. Of no
    // meaning without a second magazine.
    private static void** PuttingTop(ThreadCache* cache, int index)
    {
        Magazine* putting = ThreadCache.BinAt(cache, (uint)index)->Putting;
        return index < cache->FirstStacked || putting == null
            ? ThreadCache.PutSideOf(cache, index)->PutTop
            : Magazine.SlotsOf(putting) + putting->Count - 1;
    }

    // Brings the magazines' counts up to date with the tops.
    private static void SaveCounts(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        if (bin->Taking != null)
        {
            bin->Taking->Count = Count(bin->Taking, bin->TakeTop);
        }

        if (bin->Putting != null)
        {
            bin->Putting->Count = Count(bin->Putting, PuttingTop(cache, index));
        }
    }

    // Points the tops at the magazines, whose counts are up to date.
    private static void Load(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        PutSide* put = ThreadCache.PutSideOf(cache, index);
        Magazine* taking = bin->Taking;
        Magazine* putting = index < cache->FirstStacked ? bin->Putting : taking;
        bin->TakeTop = taking == null ? &cache->EmptySlot : Magazine.SlotsOf(taking) + taking->Count - 1;
        put->PutTop = putting == null ? &cache->EmptySlot : Magazine.SlotsOf(putting) + putting->Count - 1;
        put->PutEnd = put->PutTop;
        if (putting != null)
        {
            int capacity = Math.Min(ThreadCache.StateAt(cache, index)->Capacity, putting->Capacity);
            put->PutEnd += Math.Max(0, capacity - putting->Count);
        }
    }

    private void Grow(ThreadCache* cache, int index, BinState* state)
    {
        SizeClassInfo info = classes[index];
        int capacity = state->Capacity == 0 ? info.InitialCapacity : Math.Min(state->Capacity * 2, info.MagazineCapacity);
        long more = CapacityBytes(info, capacity) - CapacityBytes(info, state->Capacity);
        if (cache->CapacityBytes + more > BudgetBytes)
        {
            TurnClock(cache, index);
            if (cache->CapacityBytes + more > BudgetBytes)
            {
                if (state->Capacity > 0)
                {
                    return;
                }

                // A class that is new to the thread gets its least even so.
                capacity = 1;
                more = CapacityBytes(info, capacity);
            }
        }

        state->Capacity = capacity;
        cache->CapacityBytes += more;
    }

    // What the magazines of a bin may hold together, in bytes: two of them, or one for a stacked class that has not grown to its largest.
    private static long CapacityBytes(SizeClassInfo info, int capacity)
    {
        int magazines = info.IsStacked && capacity < info.MagazineCapacity ? 1 : 2;
        return (long)magazines * capacity * info.BlockBytes;
    }

    // Takes the blocks of bins that nothing has happened in since the last time round.
    private void TurnClock(ThreadCache* cache, int except)
    {
        for (int step = 0; step < ClockSteps; step++)
        {
            int index = cache->ClockHand;
            cache->ClockHand = (index + 1) % SizeClass.Count;
            Bin* bin = ThreadCache.BinAt(cache, (uint)index);
            BinState* state = ThreadCache.StateAt(cache, index);
            if (state->Capacity > 0 && index != except && !state->IsReferenced && state->LastTop == bin->TakeTop)
            {
                Flush(cache, index);
            }

            state->IsReferenced = false;
            state->LastTop = bin->TakeTop;
        }
    }

    private void Flush(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        SaveCounts(cache, index);
        if (bin->Taking != null)
        {
            depots[index].Put(bin->Taking);
        }

        if (bin->Putting != null)
        {
            depots[index].Put(bin->Putting);
        }

        cache->CapacityBytes -= CapacityBytes(classes[index], ThreadCache.StateAt(cache, index)->Capacity);
        ThreadCache.Unload(cache, index);
    }
}
