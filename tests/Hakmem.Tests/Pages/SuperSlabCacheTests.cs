using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Pages;

// Empty SuperSlabs: which is used next, which goes and when. Time is what the tests say it is.
public sealed unsafe class SuperSlabCacheTests
{
    private const long Start = 1_000;

    [Fact]
    public void NewOnesComeLowestFirstCommittedAndClean()
    {
        using SpanLayer layer = new(SpanLayer.Options);
        for (int slab = 0; slab < 3; slab++)
        {
            Assert.Equal(slab, layer.Take());
            Assert.Equal(SpanLayer.HeapSlot, layer.Arena.Slab(slab)->HeapSlot);
            Assert.Equal(0u, layer.Arena.Slab(slab)->DirtyUnits);
            Assert.Equal(slab + 1, layer.Cache.GrowthCount);
            layer.Test.AddressOf(slab)[Geometry.SlabBytes - 1] = 1;
        }

        Assert.Equal(3, layer.Cache.OwnedCount);
        Assert.Equal(0, layer.Cache.CachedCount);
        layer.AssertCountsAgree();
    }

    [Fact]
    public void DirtyOnesAreUsedBeforeCleanOnesAndNewerBeforeOlder()
    {
        using SpanLayer layer = Taken(4, SpanLayer.Options);
        layer.Put(0, Start, isDirty: true);
        layer.Put(2, Start, isDirty: false);
        layer.Put(1, Start, isDirty: true);
        layer.Put(3, Start, isDirty: false);
        Assert.Equal([1, 0, 3, 2], new[] { layer.Take(), layer.Take(), layer.Take(), layer.Take() });
        Assert.Equal(4, layer.Cache.OwnedCount);
    }

    // The purge begins at the one that was put first, wherever its neighbours lie.
    [Theory]
    [InlineData(0, 1, 2)]
    [InlineData(2, 1, 0)]
    [InlineData(1, 0, 2)]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void NeighboursAreDiscardedAfterTheDelayAndGivenBackAfterTheirTimeByOneCallEach(int first, int second, int third)
    {
        using SpanLayer layer = Taken(3, SpanLayer.Options);
        PutAll(layer, first, second, third);
        layer.Cache.Purge(Start + 99);
        Assert.Empty(Purges(layer));

        layer.Cache.Purge(Start + 100);
        OsCallRecord discard = Assert.Single(Purges(layer));
        Assert.Equal(new OsCallRecord(OsCall.Discard, (nuint)layer.Test.AddressOf(0), 3 * Geometry.SlabBytes, true), discard);
        Assert.Equal(3, layer.Cache.CachedCount);
        Assert.All(Enumerable.Range(0, 3), slab => Assert.Equal(0u, layer.Arena.Slab(slab)->DirtyUnits));

        layer.Cache.Purge(Start + 999);
        Assert.Single(Purges(layer));
        layer.Cache.Purge(Start + 1_000);
        Assert.Equal(new OsCallRecord(OsCall.Decommit, (nuint)layer.Test.AddressOf(0), 3 * Geometry.SlabBytes, true), Purges(layer)[1]);
        Assert.Equal(2, Purges(layer).Length);
        Assert.Equal(0, layer.Cache.OwnedCount);
        Assert.Equal(SuperSlabState.Untaken, layer.Arena.Slab(1)->State);
        layer.AssertCountsAgree();
    }

    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void OnesApartAreDiscardedApart()
    {
        using SpanLayer layer = Taken(5, SpanLayer.Options);
        PutAll(layer, 0, 1, 3, 4);
        layer.Cache.Purge(Start + 100);
        Assert.Equal([2 * Geometry.SlabBytes, 2 * Geometry.SlabBytes], Purges(layer).Select(call => (int)call.Bytes));
        Assert.Equal(4, layer.Cache.CachedCount);
    }

    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void AYoungerNeighbourStays()
    {
        using SpanLayer layer = Taken(3, SpanLayer.Options);
        layer.Put(0, Start, isDirty: true);
        layer.Put(1, Start + 50, isDirty: true);
        layer.Put(2, Start, isDirty: true);
        layer.Cache.Purge(Start + 100);
        Assert.Equal(0u, layer.Arena.Slab(0)->DirtyUnits);
        Assert.NotEqual(0u, layer.Arena.Slab(1)->DirtyUnits);

        // The list is in the order of Put, so the one behind the younger one waits for it.
        layer.Cache.Purge(Start + 150);
        Assert.Equal(0u, layer.Arena.Slab(1)->DirtyUnits | layer.Arena.Slab(2)->DirtyUnits);
    }

    [Fact]
    public void OverTheLimitCleanOnesGoFirstAndOlderBeforeNewer()
    {
        using SpanLayer layer = Taken(5, SpanLayer.Options with { SuperSlabCacheCount = 2 });
        for (int slab = 0; slab < 5; slab++)
        {
            layer.Put(slab, Start, isDirty: slab % 2 == 0);
        }

        layer.Cache.Purge(Start);
        int[] gone = [.. Purges(layer).Select(call => layer.Arena.UnitOf(call.Address) / Geometry.UnitsPerSlab)];
        Assert.Equal([1, 3, 0], gone);
        Assert.Equal(2, layer.Cache.CachedCount);
        Assert.True(IsCached(layer, 2) && IsCached(layer, 4));
        layer.AssertCountsAgree();
    }

    [Fact]
    public void OffNeverDiscardsAndStillGivesBack()
    {
        using SpanLayer layer = Taken(2, SpanLayer.Options with { LazyZero = LazyZeroMode.Off });
        PutAll(layer, 0, 1);
        layer.Cache.Purge(Start + 999);
        Assert.Empty(Purges(layer));
        layer.Cache.Purge(Start + 1_000);
        Assert.Equal(OsCall.Decommit, Assert.Single(Purges(layer)).Kind);
    }

    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void ImmediateDiscardsWithoutDelay()
    {
        using SpanLayer layer = Taken(2, SpanLayer.Options with { LazyZero = LazyZeroMode.Immediate });
        PutAll(layer, 0, 1);
        layer.Cache.Purge(Start);
        Assert.Equal(OsCall.Discard, Assert.Single(Purges(layer)).Kind);
        Assert.Equal(2, layer.Cache.CachedCount);
    }

    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void ARefusedDiscardIsTriedAgainOneDelayLater()
    {
        using SpanLayer layer = Taken(1, SpanLayer.Options);
        PutAll(layer, 0);
        layer.Os.RefuseAll(OsCall.Discard);
        layer.Cache.Purge(Start + 100);
        layer.Cache.Purge(Start + 199);
        Assert.False(Assert.Single(Purges(layer)).IsDone);
        Assert.NotEqual(0u, layer.Arena.Slab(0)->DirtyUnits);
        layer.Os.RefuseNone();
        layer.Cache.Purge(Start + 200);
        Assert.Equal(0u, layer.Arena.Slab(0)->DirtyUnits);
    }

    // Else the next allocations would take it, and not what became empty last: the used ones would age in its place.
    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void ARefusedDiscardKeepsItsPlaceInTheList()
    {
        using SpanLayer layer = Taken(5, SpanLayer.Options);
        layer.Put(0, Start, isDirty: true);
        layer.Put(2, Start + 10, isDirty: true);
        layer.Put(4, Start + 20, isDirty: true);
        layer.Os.RefuseAll(OsCall.Discard);
        layer.Cache.Purge(Start + 100);
        layer.Cache.Purge(Start + 200);
        Assert.Equal(2, Purges(layer).Length);
        Assert.Equal([4, 2, 0], new[] { layer.Take(), layer.Take(), layer.Take() });
        layer.AssertCountsAgree();
    }

    // One of them may be locked (mlock), and the others not.
    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void WhatWasRefusedDoesNotKeepOthersFromTheirTurns()
    {
        using SpanLayer layer = Taken(5, SpanLayer.Options);
        PutAll(layer, 0, 2, 4);
        layer.Os.RefuseAll(OsCall.Discard);
        HashSet<nuint> tried = [];
        for (int turn = 1; turn <= 3; turn++)
        {
            layer.Cache.Purge(Start + (100 * turn));
            tried.Add((nuint)Purges(layer)[^1].Address);
        }

        Assert.Equal(3, tried.Count);
    }

    [Fact]
    public void ARefusedDecommitKeepsTheSuperSlab()
    {
        using SpanLayer layer = Taken(2, SpanLayer.Options);
        PutAll(layer, 0, 1);
        layer.Os.RefuseAll(OsCall.Decommit);
        layer.Cache.Purge(Start + 1_000);
        layer.ReleaseCached();
        Assert.Equal(2, layer.Cache.CachedCount);
        layer.AssertCountsAgree();
        layer.Os.RefuseNone();
        layer.ReleaseCached();
        Assert.Equal(0, layer.Cache.OwnedCount);
        layer.AssertCountsAgree();
    }

    [Fact]
    public void ARunIsOfCachedOnesWhereTheyLieTogether()
    {
        using SpanLayer layer = Taken(8, SpanLayer.Options);
        PutAll(layer, 1, 3, 4, 5);
        layer.Os.ForgetCalls();
        Assert.Equal(3, layer.TakeRun(3));
        Assert.Empty(layer.Os.Calls);
        Assert.Equal(1, layer.Cache.CachedCount);
    }

    [Fact]
    public void ARunTakesNewOnesAroundCachedOnes()
    {
        using SpanLayer layer = Taken(4, SpanLayer.Options);
        PutAll(layer, 2, 3);
        layer.Os.ForgetCalls();
        Assert.Equal(2, layer.TakeRun(5));
        OsCallRecord commit = Assert.Single(layer.Os.Calls);
        Assert.Equal(new OsCallRecord(OsCall.Commit, (nuint)layer.Test.AddressOf(4), 3 * Geometry.SlabBytes, true), commit);
        Assert.Equal(0, layer.Cache.CachedCount);
        layer.AssertCountsAgree();
    }

    [Fact]
    public void ARunWhoseGapCannotBeCommittedComesFromElsewhereOrNotAtAll()
    {
        using SpanLayer layer = Taken(4, SpanLayer.Options);
        PutAll(layer, 1, 3);

        // The cached ones were given up for it; what the arena gave is back there.
        layer.Os.RefuseAll(OsCall.Commit);
        Assert.Equal(-1, layer.TakeRun(6));
        layer.AssertCountsAgree();
        Assert.Equal(2, layer.Cache.OwnedCount);
        layer.Os.RefuseNone();
        Assert.Equal(4, layer.TakeRun(6));
        layer.AssertCountsAgree();
    }

    [Fact]
    public void ARunWithSeveralGapsThatCannotBeCommittedLeavesThemAllToTheArena()
    {
        using SpanLayer layer = new(SpanLayer.Options);
        Assert.True(layer.TakeAt(1, 1) && layer.TakeAt(3, 1));
        PutAll(layer, 1, 3);
        layer.Os.RefuseAll(OsCall.Commit);
        Assert.Equal(-1, layer.TakeRun(5));
        layer.AssertCountsAgree();
        layer.Os.RefuseNone();
        layer.ReleaseCached();
        Assert.Equal(0, layer.TakeRun(layer.Arena.SlabCount));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public void ARunIsAlignedByItsAddress(int alignmentSlabs)
    {
        using SpanLayer layer = Taken(3, SpanLayer.Options);
        PutAll(layer, 1, 2);
        int first = layer.TakeRun(2, alignmentSlabs);
        Assert.Equal((nuint)0, (nuint)layer.Test.AddressOf(first) % ((nuint)alignmentSlabs << Geometry.SlabShift));
        layer.AssertCountsAgree();
    }

    [Fact]
    public void TakeAtGetsCachedAndUntakenOnesButNoOthers()
    {
        using SpanLayer layer = Taken(4, SpanLayer.Options);
        PutAll(layer, 1, 3);
        Assert.False(layer.TakeAt(1, 2));
        Assert.True(IsCached(layer, 1));
        Assert.True(layer.TakeAt(3, 3));
        Assert.Equal(6, layer.Cache.OwnedCount);
        Assert.Equal(1, layer.Cache.CachedCount);
        Assert.False(layer.TakeAt(layer.Arena.SlabCount, 1));
        layer.AssertCountsAgree();
    }

    [Fact]
    public void TheLimitHoldsWhateverIsTakenAndHowever()
    {
        const int Limit = 6;
        Random random = new(11);
        using SpanLayer layer = new(SpanLayer.Options with { MaxBytes = (long)Limit * Geometry.SlabBytes, SuperSlabCacheCount = 4 });
        bool[] isOut = new bool[layer.Arena.SlabCount];
        int refused = 0;
        for (long now = 0; now < 6_000; now++)
        {
            int count = random.Next(1, 5);
            int first = -1;
            switch (random.Next(6))
            {
                case 0:
                    count = 1;
                    first = layer.Take();
                    break;
                case 1:
                    first = layer.TakeRun(count, 1 << random.Next(2));
                    break;
                case 2:
                    first = random.Next(8);
                    first = layer.TakeAt(first, count) ? first : -1;
                    break;
                case 3:
                    layer.Cache.Purge(now);
                    continue;
                default:
                    int slab = random.Next(12);
                    if (isOut[slab])
                    {
                        isOut[slab] = false;
                        layer.Put(slab, now, isDirty: random.Next(2) == 0);
                    }

                    continue;
            }

            refused += first < 0 ? 1 : 0;
            for (int slab = first; first >= 0 && slab < first + count; slab++)
            {
                Assert.False(isOut[slab], $"SuperSlab {slab} was handed out twice.");
                isOut[slab] = true;
            }

            Assert.True(layer.Cache.OwnedCount <= Limit);
            Assert.Equal(isOut.Count(each => each), layer.Cache.OwnedCount - layer.Cache.CachedCount);
            layer.AssertCountsAgree();
        }

        // It met the limit, and it got up to it.
        Assert.True(refused > 100);
        Assert.Equal((long)Limit * Geometry.SlabBytes, layer.Cache.PeakCommittedBytes);
    }

    [Fact]
    public void ReleaseAllGivesBackWhatIsInUseToo()
    {
        using SpanLayer layer = Taken(4, SpanLayer.Options);
        PutAll(layer, 1);
        using (layer.Cache.SyncRoot.Enter())
        {
            layer.Cache.ReleaseAll();
        }

        Assert.Equal(0, layer.Cache.OwnedCount);
        Assert.Equal(0, layer.Cache.CachedCount);
        layer.AssertCountsAgree();
        Assert.True(layer.TakeAt(0, 4));
    }

    // Its pages may be dirty, and whoever got it next would take them for zero.
    [Fact]
    public void ReleaseAllLeavesWhatTheSystemKeepsTaken()
    {
        using SpanLayer layer = Taken(4, SpanLayer.Options);
        PutAll(layer, 2);
        layer.ReleaseCached();
        layer.Os.ForgetCalls();

        // The first call is for SuperSlabs 0 and 1, which lie apart from 3.
        layer.Os.RefuseNth(1);
        using (layer.Cache.SyncRoot.Enter())
        {
            layer.Cache.ReleaseAll();
        }

        layer.Os.RefuseNone();
        Assert.Equal(0, layer.Cache.OwnedCount);
        Assert.Equal(2L << Geometry.SlabShift, layer.Arena.TakenBytes);
        Assert.All(Enumerable.Range(0, 2), slab => Assert.Equal(-1, layer.Arena.Slab(slab)->HeapSlot));
        Assert.False(layer.TakeAt(0, 1) || layer.TakeAt(1, 1));
        Assert.True(layer.TakeAt(2, 2));
        Assert.Equal(
            [
                new OsCallRecord(OsCall.Decommit, (nuint)layer.Test.AddressOf(0), 2 * Geometry.SlabBytes, false),
                new OsCallRecord(OsCall.Discard, (nuint)layer.Test.AddressOf(0), 2 * Geometry.SlabBytes, true),
                new OsCallRecord(OsCall.Decommit, (nuint)layer.Test.AddressOf(3), Geometry.SlabBytes, true),
            ],
            Purges(layer));
    }

    private static SpanLayer Taken(int count, HakmemOptions options)
    {
        SpanLayer layer = new(options);
        for (int slab = 0; slab < count; slab++)
        {
            Assert.Equal(slab, layer.Take());
        }

        return layer;
    }

    private static bool IsCached(SpanLayer layer, int slab) => layer.Arena.Slab(slab)->State == SuperSlabState.Cached;

    private static void PutAll(SpanLayer layer, params int[] slabs) => Array.ForEach(slabs, slab => layer.Put(slab, Start, isDirty: true));

    private static OsCallRecord[] Purges(SpanLayer layer) =>
        [.. layer.Os.Calls.Where(call => call.Kind is OsCall.Discard or OsCall.Decommit)];
}
