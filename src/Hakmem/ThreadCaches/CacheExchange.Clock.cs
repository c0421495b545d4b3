using System;
using Hakmem.Depots;
using Hakmem.SizeClasses;

namespace Hakmem.ThreadCaches;

// How a thread's idle bins give up what they have to those in use. All of it inside the gate.
internal sealed unsafe partial class CacheExchange
{
    // Takes the blocks of bins that nothing has happened in since the last time round, and that are worth it.
    private void TurnClock(ThreadCache* cache, int except, long wanted)
    {
        long worthwhile = Math.Max(wanted >> (int)Math.Min(WorthwhileShift + ((uint)cache->FruitlessTurns / TurnsPerRound), MaxWorthwhileShift), 1);
        cache->FruitlessTurns++;
        for (int step = 0; step < ClockSteps && cache->CapacityBytes + wanted > BudgetBytes; step++)
        {
            int index = cache->ClockHand;
            cache->ClockHand = (byte)((index + 1) % SizeClass.Count);
            Bin* bin = ThreadCache.BinAt(cache, (uint)index);
            BinState* state = ThreadCache.StateAt(cache, index);
            if (index != except && !state->IsReferenced && state->LastTop == bin->TakeTop &&
                CapacityBytes(classes[index], state->Capacity, state->HasSecond) >= worthwhile)
            {
                cache->FruitlessTurns = 0;
                if (!IsOneWay)
                {
                    ReturnNewest(cache, index);
                }

                Flush(cache, index);
            }

            state->IsReferenced = false;
            state->LastTop = bin->TakeTop;
        }
    }

    // Returns the block that was freed last to its span, where a second free of it is told: in a depot's magazine it
    // would not be. One that its span does not take stays, and is reported when its magazine is emptied.
    private void ReturnNewest(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        SaveCounts(cache, index);
        Magazine* newest = index < cache->FirstStacked ? bin->Putting : bin->Taking;
        if (newest != null && newest->Count > 0 && depots[index].TryReturnOne(Magazine.SlotsOf(newest)[newest->Count - 1]))
        {
            newest->Count--;
        }

        Load(cache, index);
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
            if (freed is not null)
            {
                freed.Keep(Magazine.SlotsOf(bin->Putting), bin->Putting->Count, index);
                bin->Putting->Count = 0;
            }

            depots[index].Put(bin->Putting);
        }

        BinState* state = ThreadCache.StateAt(cache, index);
        cache->CapacityBytes -= CapacityBytes(classes[index], state->Capacity, state->HasSecond);
        ThreadCache.Unload(cache, index);
    }
}
