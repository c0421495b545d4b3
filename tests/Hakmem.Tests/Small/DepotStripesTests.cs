using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Xunit;

namespace Hakmem.Tests.Small;

// A depot with several stripes: who gets whose magazines.
public sealed unsafe class DepotStripesTests : IDisposable
{
    private const int Stripes = 4;
    private const int BlockBytes = 64;

    // What a stripe keeps from others, and what it holds at most.
    private const int OwnBlocks = (256 << 10) / BlockBytes;
    private const int MaxBlocks = (2 << 20) / BlockBytes;

    // A span has eight times as many, so that every magazine is filled; one of this capacity takes half a page.
    private const int Wanted = 128;

    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    // With more, a stripe offers magazines to others.
    private static readonly int s_offering = OwnBlocks + (2 * s_classes[3].RefillCapacity);

    private readonly SpanLayer _layer = new(SpanLayer.Ageless);
    private readonly DepotBudget _budget = new();
    private readonly Depot _depot;

    public DepotStripesTests() => _depot = New(s_classes[3]);

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void MagazineComesBackToItsOwnStripeFirst()
    {
        nint mine = NewFull();
        nint other = NewFull();
        _depot.Add((Magazine*)mine, thread: 1);
        _depot.Add((Magazine*)other, thread: 2);
        Assert.Equal(other, (nint)_depot.ExchangeForFull(null, Wanted, thread: 2));
        Assert.Equal(mine, (nint)_depot.ExchangeForFull(null, Wanted, thread: 1));
    }

    // The numbers of caches go on beyond the number of stripes.
    [Fact]
    public void ThreadsOfOneStripeShareItsMagazines()
    {
        nint magazine = NewFull();
        _depot.Add((Magazine*)magazine, thread: 1);
        Assert.Equal(magazine, (nint)_depot.ExchangeForFull(null, Wanted, thread: 1 + Stripes));
    }

    [Fact]
    public void WhatAProcessorMayHaveCachedStaysWithItsStripe()
    {
        nint[] magazines = Fill(s_offering / Wanted, thread: 1);
        nint taken = (nint)_depot.ExchangeForFull(null, Wanted, thread: 2);
        Assert.DoesNotContain(taken, magazines);
        Assert.Equal(magazines.Length * Wanted, _depot.Count().BlocksHere);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(3)]
    public void WhatAStripeHasBeyondThatServesEveryOther(int thread)
    {
        nint[] magazines = Fill((s_offering / Wanted) + 1, thread: 1);
        (long blocksOut, long before, _) = _depot.Count();
        Assert.Contains((nint)_depot.ExchangeForFull(null, Wanted, thread: thread), magazines);
        Assert.Equal((blocksOut, before - Wanted), (_depot.Count().BlocksOut, _depot.Count().BlocksHere));
    }

    // The search for an offer is what costs, so it is done once for three.
    [Fact]
    public void ThreeMagazinesAreTakenAtATime()
    {
        nint[] magazines = Fill((s_offering / Wanted) + 1, thread: 1);
        for (int taken = 1; taken <= 3; taken++)
        {
            Assert.Contains((nint)_depot.ExchangeForFull(null, Wanted, thread: 2), magazines);
            Assert.Equal((magazines.Length - taken) * Wanted, _depot.Count().BlocksHere);
        }

        // The stripe has fewer now than it needs for an offer.
        Assert.DoesNotContain((nint)_depot.ExchangeForFull(null, Wanted, thread: 2), magazines);
        Assert.Equal((magazines.Length - 3) * Wanted, _depot.Count().BlocksHere);
        for (int kept = magazines.Length - 3; kept > 0; kept--)
        {
            Assert.Contains((nint)_depot.ExchangeForFull(null, Wanted, thread: 1), magazines);
        }

        Assert.Equal(0, _depot.Count().BlocksHere);
        _budget.Add(24L << 20);
        Assert.False(_budget.IsExceeded);
        _budget.Add(1);
        Assert.True(_budget.IsExceeded);
    }

    // Else the one that frees would have to create one for each that it fills, and the other would collect them.
    [Fact]
    public void EmptyMagazineStaysWhereTheFullOneCameFrom()
    {
        Fill((s_offering / Wanted) + 1, thread: 1);
        nint[] empty = [.. Enumerable.Range(0, 4).Select(_ => NewEmpty(thread: 2))];
        Array.ForEach(empty[1..], magazine => _depot.Add((Magazine*)magazine, thread: 2));
        Magazine* full = _depot.ExchangeForFull((Magazine*)empty[0], Wanted, thread: 2);
        Assert.DoesNotContain((nint)full, empty);

        // Three for three; the fourth stays.
        Assert.Equal(3, Enumerable.Range(0, 8).Select(_ => NewEmpty(thread: 1)).Intersect(empty).Count());
        Assert.Single(Enumerable.Range(0, 8).Select(_ => NewEmpty(thread: 2)).Intersect(empty));
    }

    [Fact]
    public void EmptyMagazinesStayWhereNothingIsOffered()
    {
        nint[] empty = [.. Enumerable.Range(0, 3).Select(_ => NewEmpty(thread: 2))];
        Array.ForEach(empty[1..], magazine => _depot.Add((Magazine*)magazine, thread: 2));
        Assert.Equal(empty[0], (nint)_depot.ExchangeForFull((Magazine*)empty[0], Wanted, thread: 2));
        Assert.Equal(2, Enumerable.Range(0, 8).Select(_ => NewEmpty(thread: 2)).Intersect(empty).Count());
    }

    [Fact]
    public void StripeBeyondItsLimitFlushesWhatItIsGiven()
    {
        nint more = NewFull();
        nint again = NewFull();
        Fill(MaxBlocks / Wanted, thread: 1);
        (_, long here, _) = _depot.Count();
        Assert.Equal(more, (nint)_depot.ExchangeForEmpty((Magazine*)more, Wanted, out _, thread: 1));
        Assert.Equal(0, ((Magazine*)more)->Count);
        Assert.Equal(here, _depot.Count().BlocksHere);

        // Another stripe has room.
        Assert.NotEqual(again, (nint)_depot.ExchangeForEmpty((Magazine*)again, Wanted, out _, thread: 2));
        Assert.Equal(here + Wanted, _depot.Count().BlocksHere);
    }

    // 1 MiB: sixteen for all stripes together, as with one.
    [Fact]
    public void StripesOfLargeBlocksHaveOneLimitTogether()
    {
        Depot depot = New(s_classes[^1]);
        List<nint> magazines = [.. Enumerable.Range(0, 6).Select(_ => (nint)depot.ExchangeForFull(null, 4))];
        for (int i = 0; i < 5; i++)
        {
            Assert.NotEqual(magazines[i], (nint)depot.ExchangeForEmpty((Magazine*)magazines[i], 4, out _, thread: i));
        }

        Assert.Equal(magazines[5], (nint)depot.ExchangeForEmpty((Magazine*)magazines[5], 4, out _, thread: 5));
        Assert.Equal(15, depot.Count().BlocksHere);
        depot.FlushAll();
        Assert.Equal(0, depot.Count().BlocksHere);

        // What has left is not counted any more.
        nint next = (nint)depot.ExchangeForFull(null, 4);
        Assert.NotEqual(next, (nint)depot.ExchangeForEmpty((Magazine*)next, 4, out _, thread: 3));
    }

    [Fact]
    public void WithoutMemoryAThreadGetsWhatAnotherStripeKeeps()
    {
        nint kept = NewFull();
        _depot.Add((Magazine*)kept, thread: 1);
        _layer.Os.RefuseAll(OsCall.Commit);
        Magazine* full = null;
        Magazine* last = null;
        while ((full = _depot.ExchangeForFull(full, Wanted, thread: 2)) != null)
        {
            last = full;
            full->Count = 0;
        }

        // After all blocks of the SuperSlab, the other stripe's.
        Assert.Equal(kept, (nint)last);
        Assert.Equal(0, _depot.Count().BlocksHere);
        Assert.True(_depot.TryAllocOne(out _) == null);
    }

    [Fact]
    public void SingleBlocksComeFromAnyStripe()
    {
        _depot.Add(_depot.ExchangeForFull(null, 5), thread: 3);
        HashSet<nint> blocks = [];
        for (int i = 0; i < 5; i++)
        {
            Assert.True(blocks.Add((nint)_depot.TryAllocOne(out _, mayGrow: false)));
        }

        Assert.Equal((5L, 0L), (_depot.Count().BlocksOut, _depot.Count().BlocksHere));
    }

    [Fact]
    public void NoneIsAllocatedOfASpanThatWouldHaveToBeMade()
    {
        Assert.True(_depot.TryAllocOne(out _, mayGrow: false) == null);
        Assert.Equal((0L, 0L, 0), _depot.Count());
    }

    [Fact]
    public void ReapFlushesWhatNoStripeNeeded()
    {
        FillEach();

        Assert.Equal(0, _depot.Reap(out _));
        Magazine* used = _depot.ExchangeForFull(null, Wanted, thread: 2);
        _depot.Add(used, thread: 2);
        Assert.Equal(Stripes - 1, _depot.Reap(out _));
        Assert.Equal(Wanted, _depot.Count().BlocksHere);
        Assert.Equal(1, _depot.Reap(out _));
        Assert.False(_depot.HasBlocks);
    }

    [Fact]
    public void FlushAllAndClearLeaveNoStripeOut()
    {
        FillEach();

        Assert.Equal((nuint)0, _depot.FlushAll());
        Assert.Equal((0L, 0L, 0), _depot.Count());
        FillEach();

        _depot.Clear();
        Assert.Equal((0L, 0L, 0), _depot.Count());
        _budget.Add(24L << 20);
        Assert.False(_budget.IsExceeded);
    }

    // So a heap for one request does not pay for stripes that no thread uses.
    [Fact]
    public void StripesAreMadeForTheFirstThreadOfAnother()
    {
        Depot depot = NewUnprepared(s_classes[3]);
        depot.Prepare(thread: 0);
        depot.Prepare(thread: Stripes);
        nint first = (nint)depot.ExchangeForFull(null, Wanted);
        depot.Add((Magazine*)first, thread: 1);
        Assert.Equal(first, (nint)depot.ExchangeForFull(null, Wanted, thread: 2));

        // What is in the first stripe stays there.
        depot.Add((Magazine*)first, thread: 1);
        depot.Prepare(thread: 3);
        Assert.NotEqual(first, (nint)depot.ExchangeForFull(null, Wanted, thread: 1));
        Assert.Equal(first, (nint)depot.ExchangeForFull(null, Wanted, thread: 0));
    }

    [Fact]
    public void ThreadsThatMakeStripesAtOnceLoseNone()
    {
        for (int round = 0; round < 200; round++)
        {
            Depot depot = NewUnprepared(s_classes[3]);
            nint[] magazines = [.. Enumerable.Range(0, 2).Select(_ => (nint)depot.ExchangeForFull(null, 10))];
            using Barrier start = new(2);
            Thread[] threads = [.. magazines.Select((magazine, index) => new Thread(() =>
            {
                start.SignalAndWait();
                depot.Prepare(index + 1);
                depot.Add((Magazine*)magazine, index + 1);
            }))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            Assert.Equal((20L, 20L), (depot.Count().BlocksOut, depot.Count().BlocksHere));
            Assert.All(magazines, (magazine, index) =>
                Assert.Equal(magazine, (nint)depot.ExchangeForFull(null, 10, thread: index + 1)));
        }
    }

    // Processors fetch lines in advance up to the end of a page.
    [Fact]
    public void MagazinesThatSharePagesBelongToOneStripe()
    {
        nint[] first = [.. Enumerable.Range(0, 8).Select(_ => NewEmpty(thread: 1))];
        nint[] second = [.. Enumerable.Range(0, 8).Select(_ => NewEmpty(thread: 2))];
        nint[] mixed = [.. Enumerable.Range(0, 16).Select(i => NewEmpty(thread: 1 + (i & 1)))];
        nint[] ofFirst = [.. first, .. mixed.Where((_, i) => (i & 1) == 0)];
        nint[] ofSecond = [.. second, .. mixed.Where((_, i) => (i & 1) == 1)];
        Assert.Empty(ofFirst.Select(PageOf).Intersect(ofSecond.Select(PageOf)));
        Assert.Equal(ofFirst.Length / 2, ofFirst.Select(PageOf).Distinct().Count());
        Assert.Equal(32, ofFirst.Concat(ofSecond).Distinct().Count());
        foreach (nint magazine in ofFirst.Concat(ofSecond))
        {
            Assert.Equal(253, ((Magazine*)magazine)->Capacity);
            _depot.Add((Magazine*)magazine);
        }

        // Each is freed alone, and nothing is lost.
        long held = _layer.Arena.Metadata.HeldBytes;
        for (int round = 0; round < 100; round++)
        {
            _depot.FlushAll();
            nint[] again = [.. Enumerable.Range(0, 31).Select(_ => NewEmpty(thread: 0))];
            Array.ForEach(again, magazine => _depot.Add((Magazine*)magazine));
        }

        Assert.Equal(held, _layer.Arena.Metadata.HeldBytes);
    }

    // Count sees each block once while others are moved between magazines and spans.
    [Fact]
    public void CountIsOfOneMomentWhileOthersFlush()
    {
        using Barrier start = new(2);
        bool isDone = false;
        Thread flusher = new(() =>
        {
            start.SignalAndWait();
            for (int round = 0; round < 300; round++)
            {
                for (int thread = 0; thread < Stripes; thread++)
                {
                    _depot.Add(_depot.ExchangeForFull(null, Wanted, thread: thread), thread);
                }

                _depot.FlushAll();
            }

            Volatile.Write(ref isDone, true);
        });
        Magazine* held = _depot.ExchangeForFull(null, 100);
        flusher.Start();
        start.SignalAndWait(TestContext.Current.CancellationToken);
        while (!Volatile.Read(ref isDone))
        {
            (long blocksOut, long blocksHere, _) = _depot.Count();
            Assert.True(blocksOut - blocksHere >= held->Count, "A block that is in use counts as free.");
        }

        flusher.Join();
        Assert.Equal((100L, 0L), (_depot.Count().BlocksOut, _depot.Count().BlocksHere));
    }

    private Depot New(SizeClassInfo info)
    {
        Depot depot = NewUnprepared(info);
        depot.Prepare(thread: 1);
        return depot;
    }

    private Depot NewUnprepared(SizeClassInfo info) =>
        new(_layer.Arena, _layer.Units, SpanLayer.HeapSlot, info, _budget, stripes: Stripes);

    private nint NewEmpty(int thread) => (nint)_depot.ExchangeForEmpty(null, Wanted, out _, thread);

    private static nint PageOf(nint address) => address >> 12;

    private nint NewFull()
    {
        // A thread of a stripe that has nothing, so that the blocks come from spans.
        Magazine* magazine = _depot.ExchangeForEmpty(null, Wanted, out _);
        Assert.Equal(Wanted, _depot.ExchangeForFull(magazine, Wanted)->Count);
        return (nint)magazine;
    }

    private void FillEach()
    {
        nint[] magazines = [.. Enumerable.Range(0, Stripes).Select(_ => NewFull())];
        for (int thread = 0; thread < Stripes; thread++)
        {
            _depot.Add((Magazine*)magazines[thread], thread);
        }
    }

    private nint[] Fill(int count, int thread)
    {
        nint[] magazines = [.. Enumerable.Range(0, count).Select(_ => NewFull())];
        Array.ForEach(magazines, magazine => _depot.Add((Magazine*)magazine, thread));
        return magazines;
    }
}
