using System;
using System.Linq;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Pages;
using Xunit;

namespace Hakmem.Tests.Small;

// One heap's layers up to the thread caches, with the two fast paths written out in their plainest form.
internal sealed unsafe class CacheLayer : IDisposable
{
    public CacheLayer(long budgetBytes)
    {
        DepotBudget depotBudget = new();
        Depots = new DepotSet(Spans.Arena, Spans.Units, SpanLayer.HeapSlot, Classes, depotBudget);
        Exchange = new CacheExchange(Depots, Classes) { BudgetBytes = budgetBytes };
    }

    public static SizeClassInfo[] Classes { get; } = SizeClassInfo.CreateTable();

    public SpanLayer Spans { get; } = new(SpanLayer.Ageless);

    public Arena Arena => Spans.Arena;

    public DepotSet Depots { get; }

    public CacheExchange Exchange { get; }

    public ThreadCache* NewCache()
    {
        ThreadCache* cache = ThreadCaches.TryCreate(Arena, SpanLayer.HeapSlot, Classes, number: 0);
        Assert.True(cache != null);
        return cache;
    }

    public void* Take(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        return *bin->AllocTop != null ? *bin->AllocTop-- : Exchange.TryAlloc(cache, index, out _);
    }

    public void Put(ThreadCache* cache, int index, void* block)
    {
        FreeSide* bin = ThreadCache.FreeSideOf(cache, index);
        if (bin->FreeTop < bin->FreeEnd)
        {
            *++bin->FreeTop = block;
        }
        else
        {
            Assert.Equal((nuint)0, Exchange.Free(cache, index, block));
        }
    }

    // What callers hold of a class, by the books.
    public long LiveOf(ThreadCache* cache, int index)
    {
        (long isOut, long here, _) = Depots[index].Count();
        return isOut - here - BinCounts.CountOf(cache, index);
    }

    public static int CapacityOf(ThreadCache* cache, int index) => ThreadCache.StateAt(cache, index)->Capacity;

    // What a cache's capacities admit, added up: two magazines of a class, or one of a stacked class that has not needed a second.
    public static long CapacityBytesOf(ThreadCache* cache) => Classes.Sum(info =>
    {
        int capacity = CapacityOf(cache, info.Index);
        int magazines = info.BlockBytes > 256 && !ThreadCache.StateAt(cache, info.Index)->HasSecond ? 1 : 2;
        return (long)magazines * capacity * info.BlockBytes;
    });

    public void Dispose() => Spans.Dispose();
}
