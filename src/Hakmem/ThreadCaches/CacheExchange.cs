using System;
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

    // Takes a block of a class whose taking magazine is empty. Null if memory is out.
    public void* TryTake(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        if (*bin->PutTop != null)
        {
            return TakeFromPutting(cache, index);
        }

        BinState* state = ThreadCache.StateAt(cache, index);
        state->IsReferenced = true;
        SaveCounts(bin);
        Grow(cache, index, state);
        Magazine* full = depots[index].TryTakeFull(bin->Taking, state->Capacity);
        if (full == null)
        {
            // Even without a magazine to be had, there may be a block.
            return depots[index].TryTakeOne(out _);
        }

        bin->Taking = full;
        Load(cache, bin, state);
        return *bin->TakeTop--;
    }

    // Lets the magazines of a bin change places and takes a block; there is one in the putting magazine and none in the other.
    // The commonest of the slow paths by far: a dozen instructions.
    public void* TakeFromPutting(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        Magazine* empty = bin->Taking;
        if (empty == null)
        {
            empty = depots[index].TryTakeEmpty(null, state->Capacity, out _);
            if (empty == null)
            {
                return *bin->PutTop--;
            }
        }

        void** top = bin->PutTop;
        bin->Taking = bin->Putting;
        bin->TakeTop = top - 1;
        bin->Putting = empty;
        void** slots = Magazine.SlotsOf(empty);
        bin->PutTop = slots - 1;
        bin->PutEnd = slots + Math.Min(state->Capacity, empty->Capacity) - 1;
        return *top;
    }

    // Puts a block of a class whose putting magazine is full. Gives the address of a block found to be free already, or 0; the block
    // put is in good order either way.
    public nuint Put(ThreadCache* cache, int index, void* block)
    {
        nuint corruptAddress = 0;
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        state->IsReferenced = true;
        SaveCounts(bin);
        if (bin->Taking != null && bin->Putting != null && bin->Taking->Count == 0)
        {
            Swap(bin);
        }
        else
        {
            if (bin->Putting != null || state->Capacity == 0)
            {
                Grow(cache, index, state);
            }

            if (bin->Putting == null || bin->Putting->Count >= Math.Min(state->Capacity, bin->Putting->Capacity))
            {
                Magazine* empty = depots[index].TryTakeEmpty(bin->Putting, state->Capacity, out corruptAddress);
                if (empty == null)
                {
                    return depots[index].TryReturnOne(block) ? 0 : (nuint)block;
                }

                bin->Putting = empty;
            }
        }

        Load(cache, bin, state);
        *++bin->PutTop = block;
        return corruptAddress;
    }

    // Whether a block lies free in one of the bin's two magazines.
    public static bool Contains(ThreadCache* cache, int index, void* block)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        return IsIn(bin->Taking, bin->TakeTop, block) || IsIn(bin->Putting, bin->PutTop, block);
    }

    // How many free blocks of a class a cache holds. Another thread's cache may be read too: the number is then a recent one.
    public static int CountOf(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        return Count(bin->Taking, bin->TakeTop) + Count(bin->Putting, bin->PutTop);
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

    private static void Swap(Bin* bin)
    {
        Magazine* taking = bin->Taking;
        bin->Taking = bin->Putting;
        bin->Putting = taking;
    }

    private static void SaveCounts(Bin* bin)
    {
        if (bin->Taking != null)
        {
            bin->Taking->Count = Count(bin->Taking, bin->TakeTop);
        }

        if (bin->Putting != null)
        {
            bin->Putting->Count = Count(bin->Putting, bin->PutTop);
        }
    }

    private static void Load(ThreadCache* cache, Bin* bin, BinState* state)
    {
        bin->TakeTop = &cache->EmptySlot;
        bin->PutTop = &cache->EmptySlot;
        bin->PutEnd = &cache->EmptySlot;
        if (bin->Taking != null)
        {
            bin->TakeTop = Magazine.SlotsOf(bin->Taking) + bin->Taking->Count - 1;
        }

        Magazine* putting = bin->Putting;
        if (putting != null)
        {
            void** slots = Magazine.SlotsOf(putting);
            bin->PutTop = slots + putting->Count - 1;
            bin->PutEnd = slots + Math.Max(putting->Count, Math.Min(state->Capacity, putting->Capacity)) - 1;
        }
    }

    private void Grow(ThreadCache* cache, int index, BinState* state)
    {
        SizeClassInfo info = classes[index];
        int capacity = state->Capacity == 0 ? info.InitialCapacity : Math.Min(state->Capacity * 2, info.MagazineCapacity);
        long more = 2L * (capacity - state->Capacity) * info.BlockBytes;
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
                more = 2L * info.BlockBytes;
            }
        }

        state->Capacity = capacity;
        cache->CapacityBytes += more;
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
        SaveCounts(bin);
        if (bin->Taking != null)
        {
            depots[index].Put(bin->Taking);
        }

        if (bin->Putting != null)
        {
            depots[index].Put(bin->Putting);
        }

        cache->CapacityBytes -= 2L * ThreadCache.StateAt(cache, index)->Capacity * classes[index].BlockBytes;
        ThreadCache.Unload(cache, index);
    }
}
