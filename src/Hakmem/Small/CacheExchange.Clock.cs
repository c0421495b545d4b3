using System;
using Hakmem.Records;

namespace Hakmem.Small;

// How a thread's idle bins give up what they have to those in use. All of it inside the gate.
internal sealed unsafe partial class CacheExchange
{
    // Takes the blocks of bins that nothing has happened in since the last time round, and that are worth it.
    private void SweepIdleBins(ThreadCache* cache, int except, long wanted)
    {
        long worthwhile = Math.Max(wanted >> (int)Math.Min(WorthwhileShift + ((uint)cache->UnproductiveSweeps / TurnsPerRound), MaxWorthwhileShift), 1);
        cache->UnproductiveSweeps++;
        for (int step = 0; step < ClockSteps && cache->CapacityBytes + wanted > BudgetBytes; step++)
        {
            int index = cache->ClockHand;
            cache->ClockHand = (byte)((index + 1) % SizeClass.Count);
            Bin* bin = ThreadCache.BinAt(cache, (uint)index);
            BinState* state = ThreadCache.StateAt(cache, index);
            if (index != except && !state->IsReferenced && state->LastTop == bin->AllocTop &&
                CapacityBytes(classes[index], state->Capacity, state->HasSecond) >= worthwhile)
            {
                cache->UnproductiveSweeps = 0;
                if (!IsOneWay)
                {
                    ReturnNewest(cache, index);
                }

                Flush(cache, index);
            }

            state->IsReferenced = false;
            state->LastTop = bin->AllocTop;
        }
    }

    // Returns the block that was freed last to its span, where a second free of it is told: in a depot's magazine it
    // would not be. One that its span does not take stays, and is reported when its magazine is emptied.
    private void ReturnNewest(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        SaveCounts(cache, index);
        Magazine* newest = index < cache->FirstStacked ? bin->Secondary : bin->Primary;
        if (newest != null && newest->Count > 0 && depots[index].TryFreeOne(Magazine.SlotsOf(newest)[newest->Count - 1]))
        {
            newest->Count--;
        }

        Load(cache, index);
    }

    private void Flush(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        SaveCounts(cache, index);
        if (bin->Primary != null)
        {
            depots[index].Put(bin->Primary);
        }

        if (bin->Secondary != null)
        {
            if (freed is not null)
            {
                freed.Keep(Magazine.SlotsOf(bin->Secondary), bin->Secondary->Count, index);
                bin->Secondary->Count = 0;
            }

            depots[index].Put(bin->Secondary);
        }

        BinState* state = ThreadCache.StateAt(cache, index);
        cache->CapacityBytes -= CapacityBytes(classes[index], state->Capacity, state->HasSecond);
        ThreadCaches.ResetBin(cache, index);
    }
}
