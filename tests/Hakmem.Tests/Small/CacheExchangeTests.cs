using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Os;
using Xunit;

namespace Hakmem.Tests.Small;

// The slow paths between a thread's cache and the depots.
public sealed unsafe class CacheExchangeTests
{
    private const int Tiny = 3;
    private const long Plenty = 1L << 30;

    [Fact]
    public void ANewCachesBinsAreEmptyAndShareTheSentinel()
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        foreach (SizeClassInfo info in CacheLayer.Classes)
        {
            Bin* bin = ThreadCache.BinAt(cache, (uint)info.Index);
            FreeSide* put = ThreadCache.FreeSideOf(cache, info.Index);
            Assert.True(bin->AllocTop == &cache->EmptySlot && put->FreeTop == bin->AllocTop && put->FreeEnd == bin->AllocTop);
            Assert.True(*bin->AllocTop == null && bin->Primary == null && bin->Secondary == null);
            Assert.Equal(info.Reciprocal, put->Reciprocal);
            Assert.Equal((ulong)info.SpanBlockBytes, put->SpanBytes);
            Assert.True(FreeSide.IsOfKind(put));
            Assert.Equal(0, BinCounts.CountOf(cache, info.Index));
        }
    }

    [Fact]
    public void CapacityDoublesWithEveryVisitUpToTheClasssOwn()
    {
        using CacheLayer layer = new(Plenty);
        foreach (int index in new[] { Tiny, 40, 80, SizeClass.Count - 1 })
        {
            ThreadCache* cache = layer.NewCache();
            SizeClassInfo info = CacheLayer.Classes[index];
            List<int> capacities = [];
            int taken = 0;
            while (taken < 6 * info.MagazineCapacity && taken < 30 << 20 >> (index / 8))
            {
                Assert.True(layer.Take(cache, index) != null);
                taken++;
                int capacity = CacheLayer.CapacityOf(cache, index);
                if (capacities.Count == 0 || capacities[^1] != capacity)
                {
                    capacities.Add(capacity);
                }
            }

            List<int> expected = [info.InitialCapacity];
            while (expected[^1] < info.MagazineCapacity && expected.Count < capacities.Count)
            {
                expected.Add(Math.Min(expected[^1] * 2, info.MagazineCapacity));
            }

            Assert.Equal(expected, capacities);
            Assert.Equal(CacheLayer.CapacityBytesOf(cache), cache->CapacityBytes);
            Assert.Equal(taken, layer.LiveOf(cache, index));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(64 << 10)]
    [InlineData(256 << 10)]
    [InlineData(4 << 20)]
    public void CapacitiesStayWithinTheBudgetButForOneBlockInEachMagazine(int budget)
    {
        using CacheLayer layer = new(budget);
        ThreadCache* cache = layer.NewCache();
        Random random = new(budget);
        Dictionary<nint, int> live = [];
        HashSet<int> used = [];
        for (int step = 0; step < 60_000; step++)
        {
            int index = random.Next(72);
            if (random.Next(2) == 0 && live.Count < 800)
            {
                used.Add(index);
                live.Add((nint)layer.Take(cache, index), index);
            }
            else if (live.Count > 0)
            {
                (nint block, int blockIndex) = live.ElementAt(random.Next(Math.Min(live.Count, 16)));
                live.Remove(block);
                layer.Put(cache, blockIndex, (void*)block);
            }

            if (step % 1_000 == 0)
            {
                long leastOfEach = used.Sum(each => 2L * CacheLayer.Classes[each].BlockBytes);
                Assert.InRange(cache->CapacityBytes, 0, budget + leastOfEach);
                Assert.Equal(CacheLayer.CapacityBytesOf(cache), cache->CapacityBytes);
            }
        }

        long cached = CacheLayer.Classes.Sum(info => (long)BinCounts.CountOf(cache, info.Index) * info.BlockBytes);
        Assert.InRange(cached, 0, cache->CapacityBytes);
    }

    [Fact]
    public void TheClockTakesIdleBinsCapacityWhenAnotherNeedsIt()
    {
        using CacheLayer layer = new(64 << 10);
        ThreadCache* cache = layer.NewCache();
        const int Idle = 24;
        Cycle(layer, cache, Idle, 300);
        Assert.True(CacheLayer.CapacityOf(cache, Idle) > 0);

        // A few rounds: the first finds the bin referenced, a later one finds it idle.
        for (int round = 0; round < 40; round++)
        {
            Cycle(layer, cache, 40, 300);
        }

        Assert.Equal(0, CacheLayer.CapacityOf(cache, Idle));
        Assert.Equal(0, BinCounts.CountOf(cache, Idle));
        Assert.Equal(0, layer.LiveOf(cache, Idle));
        Assert.True(CacheLayer.CapacityOf(cache, 40) > 0);

        // And back again, once the other is idle.
        for (int round = 0; round < 40; round++)
        {
            Cycle(layer, cache, Idle, 300);
        }

        Assert.True(CacheLayer.CapacityOf(cache, Idle) > 0);
        Assert.Equal(0, CacheLayer.CapacityOf(cache, 40));
    }

    // In a budget that the large ones use up: only what would make room for them is worth taking, unless they go on for long.
    [Fact]
    public void SmallBlocksKeepTheirPlaceBesideLargeOnes()
    {
        using CacheLayer layer = new(512 << 10);
        ThreadCache* cache = layer.NewCache();
        Cycle(layer, cache, Tiny, 100);
        int capacity = CacheLayer.CapacityOf(cache, Tiny);
        int count = BinCounts.CountOf(cache, Tiny);
        Cycle(layer, cache, SizeClass.Count - 1, 6);
        Cycle(layer, cache, SizeClass.Count - 2, 6);
        Assert.Equal(capacity, CacheLayer.CapacityOf(cache, Tiny));
        Assert.Equal(count, BinCounts.CountOf(cache, Tiny));
        for (int round = 0; round < 200; round++)
        {
            Cycle(layer, cache, SizeClass.Count - 1, 6);
        }

        Assert.Equal(0, CacheLayer.CapacityOf(cache, Tiny));
    }

    // As when a hundred threads come: the budget is then a part of what it was, and nothing more is put.
    [Fact]
    public void AThreadThatOnlyTakesGivesUpWhatASmallerBudgetDoesNotAllow()
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        int largest = SizeClass.Count - 1;
        for (int index = largest - 20; index < largest; index++)
        {
            Cycle(layer, cache, index, 6);
        }

        Cycle(layer, cache, Tiny, 3_000);
        Assert.Equal(CacheLayer.Classes[Tiny].MagazineCapacity, CacheLayer.CapacityOf(cache, Tiny));
        layer.Exchange.BudgetBytes = 1 << 20;
        for (int taken = 0; taken < 200_000; taken++)
        {
            Assert.True(layer.Take(cache, Tiny) != null);
        }

        Assert.InRange(cache->CapacityBytes, 0, layer.Exchange.BudgetBytes);
    }

    // A magazine of eight would be more than the budget, whoever else gave up what they have: it stays one of four.
    [Fact]
    public void NobodyMakesRoomForWhatIsTooMuchForAClassAlone()
    {
        using CacheLayer layer = new(6 << 20);
        ThreadCache* cache = layer.NewCache();
        Cycle(layer, cache, Tiny, 100);
        int count = BinCounts.CountOf(cache, Tiny);
        for (int round = 0; round < 2_000; round++)
        {
            Cycle(layer, cache, SizeClass.Count - 1, 12);
        }

        Assert.Equal(count, BinCounts.CountOf(cache, Tiny));
        Assert.Equal(4, CacheLayer.CapacityOf(cache, SizeClass.Count - 1));
    }

    // So that a program whose blocks in use come and go by one or two does not visit the depot each time.
    [Theory]
    [InlineData(87)]
    [InlineData(SizeClass.Count - 1)]
    public void FreeIntoAFullMagazineKeepsTheNewerHalf(int index)
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        int most = CacheLayer.Classes[index].MagazineCapacity;
        nint[] blocks = TakeUntilEmpty(layer, cache, index, 3 * most);
        for (int i = 0; i < most; i++)
        {
            layer.Put(cache, index, (void*)blocks[i]);
        }

        Assert.Equal(most, BinCounts.CountOf(cache, index));
        (_, long before, _) = layer.Depots[index].Count();
        layer.Put(cache, index, (void*)blocks[most]);
        Assert.Equal(1 + (most / 2), BinCounts.CountOf(cache, index));
        Assert.Equal(before + (most / 2), layer.Depots[index].Count().BlocksHere);
        for (int i = most; i >= most / 2; i--)
        {
            Assert.Equal(blocks[i], (nint)layer.Take(cache, index));
        }

        Assert.Equal(0, BinCounts.CountOf(cache, index));
    }

    // A class that has one magazine, and one that has two.
    [Theory]
    [InlineData(SizeClass.Count - 1)]
    [InlineData(60)]
    public void ABlockFreedTwiceAroundTheMiddleOfAMagazineIsReported(int index)
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        int most = CacheLayer.Classes[index].MagazineCapacity;
        nint[] blocks = TakeUntilEmpty(layer, cache, index, 3 * most);
        int cut = most - (most / 2);
        nint twice = blocks[cut - 1];
        for (int i = 0; i < most; i++)
        {
            layer.Put(cache, index, (void*)(i == cut + 1 ? twice : blocks[i]));
        }

        Assert.Equal((nuint)twice, layer.Exchange.Free(cache, index, (void*)blocks[most]));
        layer.Exchange.FlushAll(cache);
        Assert.Equal((nuint)0, layer.Depots[index].FlushAll());
    }

    // Blocks that come and go in any number never visit the depot while two magazines have room for them.
    [Fact]
    public void ASecondMagazineKeepsTheOlderBlocks()
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        const int Index = 60;
        int most = CacheLayer.Classes[Index].MagazineCapacity;
        Cycle(layer, cache, Index, 4 * most);
        Cycle(layer, cache, Index, 3 * most / 2);
        long before = layer.Depots[Index].CountExchanges().Exchanges;
        Random random = new(11);
        HashSet<nint> all = [];
        for (int round = 0; round < 500; round++)
        {
            nint[] blocks = [.. Enumerable.Range(0, random.Next(most)).Select(_ => (nint)layer.Take(cache, Index))];
            Assert.Equal(blocks.Length, blocks.Distinct().Count());
            all.UnionWith(blocks);
            Array.ForEach(blocks, block => layer.Put(cache, Index, (void*)block));
        }

        Assert.Equal(before, layer.Depots[Index].CountExchanges().Exchanges);
        Assert.InRange(all.Count, 1, 2 * most);
    }

    // Some hundred blocks of 256 B to 256 KiB, each size as likely: a bin in use, with a few blocks, is often where it
    // was at the clock's last visit, and is not idle for that.
    [Fact]
    public void ManySizesWithFewBlocksEachSeldomVisitTheDepots()
    {
        using CacheLayer layer = new(14 << 20);
        ThreadCache* cache = layer.NewCache();
        (int Index, nint Block)[] slots = new (int, nint)[256];
        Random random = new(7);
        const int Steps = 200_000;
        long before = 0;
        for (int step = 0; step < 2 * Steps; step++)
        {
            before = step == Steps ? Visits(layer) : before;
            ref (int Index, nint Block) slot = ref slots[random.Next(slots.Length)];
            if (slot.Block == 0)
            {
                slot.Index = random.Next(16, 96);
                slot.Block = (nint)layer.Take(cache, slot.Index);
            }
            else
            {
                layer.Put(cache, slot.Index, (void*)slot.Block);
                slot.Block = 0;
            }
        }

        Assert.InRange(Visits(layer) - before, 1, Steps * 3 / 100);
    }

    [Fact]
    public void MagazinesChangePlacesWithoutTheDepot()
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        void* block = layer.Take(cache, Tiny);
        int initial = CacheLayer.CapacityOf(cache, Tiny);
        List<nint> rest = [];
        while (*ThreadCache.BinAt(cache, Tiny)->AllocTop != null)
        {
            rest.Add((nint)layer.Take(cache, Tiny));
        }

        layer.Put(cache, Tiny, block);
        (long, long, int) before = layer.Depots[Tiny].Count();
        FreeSide* put = ThreadCache.FreeSideOf(cache, Tiny);
        for (int i = 0; i < 1_000; i++)
        {
            Assert.True(layer.Take(cache, Tiny) == block);
            Assert.Equal(0, BinCounts.CountOf(cache, Tiny));
            layer.Put(cache, Tiny, block);
            Assert.True(*put->FreeTop == block);
        }

        Assert.Equal(before, layer.Depots[Tiny].Count());
        Assert.Equal(initial, CacheLayer.CapacityOf(cache, Tiny));
        Assert.Equal(rest.Count, layer.LiveOf(cache, Tiny));
    }

    [Fact]
    public void WhatIsFreeInABinIsFoundThere()
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        nint[] blocks = [.. Enumerable.Range(0, 200).Select(_ => (nint)layer.Take(cache, Tiny))];
        Assert.All(blocks, block => Assert.False(BinCounts.Contains(cache, Tiny, (void*)block)));
        int before = BinCounts.CountOf(cache, Tiny);
        for (int i = 0; i < 60; i++)
        {
            layer.Put(cache, Tiny, (void*)blocks[i]);
        }

        Assert.Equal(before + 60, BinCounts.CountOf(cache, Tiny));
        for (int i = 0; i < 200; i++)
        {
            Assert.Equal(i < 60, BinCounts.Contains(cache, Tiny, (void*)blocks[i]));
        }
    }

    [Fact]
    public void FlushingLeavesTheCacheAsNewAndTheDepotWithTheBlocks()
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        foreach (SizeClassInfo info in CacheLayer.Classes)
        {
            layer.Put(cache, info.Index, layer.Take(cache, info.Index));
        }

        Assert.True(cache->CapacityBytes > 0);
        layer.Exchange.FlushAll(cache);
        Assert.Equal(0, cache->CapacityBytes);
        foreach (SizeClassInfo info in CacheLayer.Classes)
        {
            Assert.Equal(0, BinCounts.CountOf(cache, info.Index));
            (long isOut, long here, _) = layer.Depots[info.Index].Count();
            Assert.True(here > 0);
            Assert.Equal(isOut, here);
            Assert.Equal((nuint)0, layer.Depots[info.Index].FlushAll());
        }

        Assert.Equal(layer.Spans.Cache.OwnedCount, layer.Spans.Cache.CachedCount);
    }

    [Fact]
    public void ABlockThatComesBackASecondTimeIsReportedAndTheOneThatWasPutIsKept()
    {
        // One block in each magazine, so that the third goes by way of the depot; and the depot is over its limit, so that it empties.
        using CacheLayer layer = new(0);
        ThreadCache* cache = layer.NewCache();
        int index = SizeClass.Count - 1;
        nint[] blocks = [.. Enumerable.Range(0, 14).Select(_ => (nint)layer.Take(cache, index))];
        List<nuint> reported = [];
        foreach (nint block in blocks.Append(blocks[0]).Append(blocks[1]).Append(blocks[2]))
        {
            reported.Add(layer.Exchange.Free(cache, index, (void*)block));
        }

        layer.Exchange.FlushAll(cache);
        reported.Add(layer.Depots[index].FlushAll());
        Assert.Contains(reported, address => address != 0 && blocks.Take(3).Contains((nint)address));
        Assert.DoesNotContain(reported, address => address != 0 && !blocks.Take(3).Contains((nint)address));
        Assert.Equal(0, layer.Depots[index].Count().BlocksOut);
    }

    [Fact]
    public void WithoutMemoryForMagazinesBlocksComeAndGoOneByOne()
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        layer.Spans.Os.RefuseAll(OsCall.Reserve);
        while (layer.Arena.Metadata.TryAllocate(64) != null)
        {
        }

        nint[] blocks = [.. Enumerable.Range(0, 50).Select(_ => (nint)layer.Take(cache, Tiny))];
        Assert.Equal(50, blocks.Distinct().Count());
        Assert.Equal(50, layer.LiveOf(cache, Tiny));
        Array.ForEach(blocks, block => layer.Put(cache, Tiny, (void*)block));
        Assert.Equal(0, layer.LiveOf(cache, Tiny));
        Assert.Equal((0L, 0L, 0), layer.Depots[Tiny].Count());
    }

    // There is no other: blocks would come one by one from then on.
    [Fact]
    public void TryTakeWithoutMemoryRefillsTheEmptyMagazine()
    {
        using CacheLayer layer = new(Plenty);
        ThreadCache* cache = layer.NewCache();
        Bin* bin = ThreadCache.BinAt(cache, Tiny);
        Assert.True(layer.Take(cache, Tiny) != null);
        Magazine* magazine = bin->Primary;
        while (BinCounts.CountOf(cache, Tiny) > 0)
        {
            Assert.True(layer.Take(cache, Tiny) != null);
        }

        layer.Spans.Os.RefuseAll(OsCall.Reserve);
        while (layer.Arena.Metadata.TryAllocate(64) != null)
        {
        }

        Assert.True(layer.Take(cache, Tiny) != null);
        Assert.True(bin->Primary == magazine && bin->Secondary == null);
        Assert.Equal(magazine->Capacity - 1, BinCounts.CountOf(cache, Tiny));
    }

    [Fact]
    public void AnySequenceHandsOutEachBlockOnceAndLosesNone()
    {
        using CacheLayer layer = new(128 << 10);
        ThreadCache* cache = layer.NewCache();
        int[] indexes = [0, 1, 20, 40, 60, 75];
        Random random = new(5);
        Dictionary<int, List<nint>> live = indexes.ToDictionary(index => index, _ => new List<nint>());
        HashSet<nint> all = [];
        for (int step = 0; step < 100_000; step++)
        {
            int index = indexes[random.Next(indexes.Length)];
            List<nint> blocks = live[index];

            // In waves, so that magazines run full and empty.
            if (random.Next(100) < (step / 500 % 2 == 0 ? 70 : 30))
            {
                nint block = (nint)layer.Take(cache, index);
                Assert.True(block != 0 && all.Add(block));
                blocks.Add(block);
            }
            else if (blocks.Count > 0)
            {
                int at = random.Next(blocks.Count);
                all.Remove(blocks[at]);
                layer.Put(cache, index, (void*)blocks[at]);
                blocks.RemoveAt(at);
            }

            if (step % 100 == 0)
            {
                Assert.Equal(blocks.Count, layer.LiveOf(cache, index));
            }
        }
    }

    private static long Visits(CacheLayer layer) =>
        CacheLayer.Classes.Sum(info => layer.Depots[info.Index].CountExchanges().Exchanges);

    // Takes at least so many blocks, until the cache has none.
    private static nint[] TakeUntilEmpty(CacheLayer layer, ThreadCache* cache, int index, int count)
    {
        List<nint> blocks = [];
        while (blocks.Count < count || BinCounts.CountOf(cache, index) > 0)
        {
            blocks.Add((nint)layer.Take(cache, index));
        }

        return [.. blocks];
    }

    // Takes so many blocks and puts them back.
    private static void Cycle(CacheLayer layer, ThreadCache* cache, int index, int count)
    {
        nint[] blocks = [.. Enumerable.Range(0, count).Select(_ => (nint)layer.Take(cache, index))];
        Array.ForEach(blocks, block => layer.Put(cache, index, (void*)block));
    }
}
