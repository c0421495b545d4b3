using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Records;

namespace Hakmem.Small;

// How many blocks each bin of a thread's cache may hold within the thread's budget of bytes, and the clock algorithm
// that flushes idle bins when the budget is used up.
internal sealed unsafe partial class CacheExchange
{
    // How many bins a sweep visits when the budget is used up. A thread whose sizes do not fit its budget sweeps at
    // each visit: with eight bins, calls of 16 bytes to 256 KiB took 24 ns, with two 15.
    private const int ClockSteps = 2;

    // A bin is flushed only if so many visits in a row have found it idle. A bin in use, with a few blocks, is often
    // where it was: with one visit, calls of 16 bytes to 256 KiB visited depots twice as often.
    private const int IdleTurns = 3;

    // A bin is flushed only if it holds 1/8 of the bytes requested, so that large requests do not flush small, busy
    // classes (else 43 ns a call instead of 17). Each round of all bins that flushes nothing halves the fraction.
    private const int WorthwhileShift = 3;
    private const int MaxWorthwhileShift = 62;

    // How many bytes the magazines of one thread's cache may hold. Written by the registry when threads start and end;
    // a thread may read a value that was replaced a moment ago.
    private long _budgetBytes;

    public long BudgetBytes
    {
        get => Volatile.Read(ref _budgetBytes);
        set => Volatile.Write(ref _budgetBytes, value);
    }

    // All methods below run inside the gate.

    private void Grow(ThreadCache* cache, int index, BinState* state)
    {
        SizeClassInfo info = classes[index];
        int capacity = state->Capacity == 0
            ? info.InitialCapacity
            : Math.Min(state->Capacity * 2, info.MagazineCapacity);
        long more = CapacityBytes(cache, index, capacity) - CapacityBytes(cache, index, state->Capacity);
        if (!HasBudget(cache, index, more))
        {
            if (state->Capacity > 0)
            {
                return;
            }

            // A class that is new to the thread gets a capacity of one even beyond the budget.
            capacity = 1;
            more = CapacityBytes(cache, index, capacity);
        }

        Debug.Assert(capacity >= state->Capacity && capacity <= info.MagazineCapacity, "Grow shrinks or overshoots.");
        state->Capacity = capacity;
        cache->CapacityBytes += more;
    }

    // How many bytes a bin's two magazines may hold, or its one if a stacked class has not needed a second or the bin
    // is another stripe's.
    private long CapacityBytes(ThreadCache* cache, int index, int capacity)
    {
        bool hasOne = (ThreadCache.IsStacked(cache, index) && !ThreadCache.StateAt(cache, index)->HasSecond) ||
            ThreadCache.IsForeign(cache, index);
        return (hasOne ? 1L : 2L) * capacity * classes[index].BlockBytes;
    }

    // Whether the thread's budget has room for more bytes of a class, after idle bins were flushed if necessary. A
    // class that has its refill capacity flushes no other bin for what exceeds the budget alone.
    private bool HasBudget(ThreadCache* cache, int index, long more)
    {
        int capacity = ThreadCache.StateAt(cache, index)->Capacity;
        bool exceedsBudgetAlone = capacity >= classes[index].RefillCapacity &&
            CapacityBytes(cache, index, capacity) + more > BudgetBytes;
        if (!exceedsBudgetAlone && cache->CapacityBytes + more > BudgetBytes)
        {
            SweepIdleBins(cache, index, more);
        }

        return cache->CapacityBytes + more <= BudgetBytes;
    }

    // Flushes bins that were not used in the last rounds of the clock and that are large enough.
    private void SweepIdleBins(ThreadCache* cache, int except, long wanted)
    {
        CacheGate.AssertClosed(cache);
        uint rounds = (uint)(cache->UnproductiveSweeps * ClockSteps / classes.Length);
        long worthwhile = Math.Max(wanted >> (int)Math.Min(WorthwhileShift + rounds, MaxWorthwhileShift), 1);
        cache->UnproductiveSweeps++;
        for (int step = 0; step < ClockSteps && cache->CapacityBytes + wanted > BudgetBytes; step++)
        {
            int index = Math.Max((int)cache->ClockHand, ThreadCache.FirstIndexOf(cache));
            cache->ClockHand = (ushort)((index + 1) % classes.Length);
            void** top = ThreadCache.IsForeign(cache, index)
                ? ThreadCache.FreeSideOf(cache, index)->FreeTop
                : ThreadCache.AllocBinOf(cache, index)->AllocTop;
            BinState* state = ThreadCache.StateAt(cache, index);
            bool isSame = !state->IsReferenced && state->LastTop == top;
            state->IdleTurns = (byte)(isSame ? Math.Min(state->IdleTurns + 1, IdleTurns) : 0);
            if (index != except && state->IdleTurns == IdleTurns &&
                CapacityBytes(cache, index, state->Capacity) >= worthwhile)
            {
                cache->UnproductiveSweeps = 0;
                if (!IsOneWay)
                {
                    FreeNewest(cache, index);
                }

                Flush(cache, index);
            }

            state->IsReferenced = false;
            state->LastTop = top;
        }
    }

    // Frees the block that was freed last to its span, which detects a second free of it; a depot's magazine would not.
    // If the span refuses it, the block stays in the magazine and is reported when that is flushed.
    private void FreeNewest(ThreadCache* cache, int index)
    {
        BinCounts.Save(cache, index);
        Magazine* newest = ThreadCache.IsStacked(cache, index)
            ? ThreadCache.AllocBinOf(cache, index)->Primary
            : ThreadCache.BinOf(cache, index)->Secondary;
        if (newest != null && newest->Count > 0 &&
            depots[index].TryFreeOne(Magazine.SlotsOf(newest)[newest->Count - 1]))
        {
            newest->Count--;
        }

        BinCounts.Load(cache, index);
    }

    private void Flush(ThreadCache* cache, int index)
    {
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        Bin* bin = ThreadCache.BinOf(cache, index);
        BinCounts.Save(cache, index);
        if (from->Primary != null)
        {
            depots[index].Add(from->Primary, cache->Number);
        }

        if (bin->Secondary != null)
        {
            if (quarantine is not null)
            {
                quarantine.Keep(Magazine.SlotsOf(bin->Secondary), bin->Secondary->Count, index);
                bin->Secondary->Count = 0;
            }

            depots[index].Add(bin->Secondary, cache->Number);
        }

        BinState* state = ThreadCache.StateAt(cache, index);
        Debug.Assert(
            state->Capacity > 0 || (from->Primary == null && bin->Secondary == null), "A magazine without capacity.");
        cache->CapacityBytes -= CapacityBytes(cache, index, state->Capacity);
        ThreadCaches.ResetBin(cache, index);
    }
}
