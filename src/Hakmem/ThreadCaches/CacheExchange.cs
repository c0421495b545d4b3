using System;
using Hakmem.Depots;
using Hakmem.SizeClasses;

namespace Hakmem.ThreadCaches;

// The slow paths between a thread's cache and the depots: what happens when a bin's loaded magazine is empty or full.
//
// The other magazine of the bin is tried first, so that a program that allocates and frees around a magazine's edge does not visit the
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
        get => System.Threading.Volatile.Read(ref _budgetBytes);
        set => System.Threading.Volatile.Write(ref _budgetBytes, value);
    }

    // Takes a block of a class whose loaded magazine is empty. Null if memory is out.
    public void* TryTake(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        state->IsReferenced = true;
        SaveCount(cache, index, state);
        if (state->Previous != null && state->Previous->Count > 0)
        {
            Swap(bin, state);
        }
        else
        {
            Grow(cache, index, state);
            Magazine* full = depots[index].TryTakeFull(state->Loaded, state->Capacity);
            if (full == null)
            {
                // Even without a magazine to be had, there may be a block.
                return depots[index].TryTakeOne(out _);
            }

            state->Loaded = full;
            Load(bin, state);
        }

        return *bin->Top--;
    }

    // Puts a block of a class whose loaded magazine is full. Gives the address of a block found to be free already, or 0; the block
    // put is in good order either way.
    public nuint Put(ThreadCache* cache, int index, void* block)
    {
        nuint corruptAddress = 0;
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        BinState* state = ThreadCache.StateAt(cache, index);
        state->IsReferenced = true;
        SaveCount(cache, index, state);
        if (state->Previous != null && state->Previous->Count == 0)
        {
            Swap(bin, state);
        }
        else
        {
            Grow(cache, index, state);
            if (state->Loaded == null || state->Loaded->Count >= Math.Min(state->Capacity, state->Loaded->Capacity))
            {
                Magazine* empty = depots[index].TryTakeEmpty(state->Previous, state->Capacity, out corruptAddress);
                if (empty == null)
                {
                    return depots[index].TryReturnOne(block) ? 0 : (nuint)block;
                }

                state->Previous = state->Loaded;
                state->Loaded = empty;
            }

            Load(bin, state);
        }

        *++bin->Top = block;
        return corruptAddress;
    }

    // Whether a block lies free in one of the bin's two magazines.
    public static bool Contains(ThreadCache* cache, int index, void* block)
    {
        BinState* state = ThreadCache.StateAt(cache, index);
        return IsIn(state->Loaded, ThreadCache.LoadedCount(cache, index), block) ||
            (state->Previous != null && IsIn(state->Previous, state->Previous->Count, block));
    }

    // How many free blocks of a class a cache holds. Another thread's cache may be read too: the number is then a recent one.
    public static int CountOf(ThreadCache* cache, int index)
    {
        BinState* state = ThreadCache.StateAt(cache, index);
        Magazine* previous = state->Previous;
        return Math.Max(0, ThreadCache.LoadedCount(cache, index)) + (previous == null ? 0 : previous->Count);
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
    public static void DestroyMagazines(Arenas.MetadataAllocator metadata, ThreadCache* cache)
    {
        for (int index = 0; index < SizeClass.Count; index++)
        {
            BinState* state = ThreadCache.StateAt(cache, index);
            if (state->Loaded != null)
            {
                Magazine.Destroy(metadata, state->Loaded);
            }

            if (state->Previous != null)
            {
                Magazine.Destroy(metadata, state->Previous);
            }
        }
    }

    private static bool IsIn(Magazine* magazine, int count, void* block) =>
        magazine != null && new ReadOnlySpan<nint>(Magazine.SlotsOf(magazine), count).Contains((nint)block);

    private static void SaveCount(ThreadCache* cache, int index, BinState* state)
    {
        if (state->Loaded != null)
        {
            state->Loaded->Count = ThreadCache.LoadedCount(cache, index);
        }
    }

    private static void Swap(Bin* bin, BinState* state)
    {
        Magazine* previous = state->Previous;
        state->Previous = state->Loaded;
        state->Loaded = previous;
        Load(bin, state);
    }

    private static void Load(Bin* bin, BinState* state)
    {
        Magazine* magazine = state->Loaded;
        void** slots = Magazine.SlotsOf(magazine);
        int capacity = Math.Min(state->Capacity, magazine->Capacity);
        bin->Top = slots + magazine->Count - 1;
        bin->End = slots + Math.Max(capacity, magazine->Count) - 1;
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
            BinState* state = ThreadCache.StateAt(cache, index);
            void** top = ThreadCache.BinAt(cache, (uint)index)->Top;
            if (state->Capacity > 0 && index != except && !state->IsReferenced && state->LastTop == top)
            {
                Flush(cache, index);
            }

            state->IsReferenced = false;
            state->LastTop = top;
        }
    }

    private void Flush(ThreadCache* cache, int index)
    {
        BinState* state = ThreadCache.StateAt(cache, index);
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        SaveCount(cache, index, state);
        if (state->Loaded != null)
        {
            depots[index].Put(state->Loaded);
        }

        if (state->Previous != null)
        {
            depots[index].Put(state->Previous);
        }

        cache->CapacityBytes -= 2L * state->Capacity * classes[index].BlockBytes;
        *state = default;
        bin->Top = &cache->EmptySlot;
        bin->End = &cache->EmptySlot;
    }
}
