using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Os;
using Hakmem.Tests.Pages;
using Xunit;

namespace Hakmem.Tests.Small;

// Magazines change hands; blocks go to their spans only where there are too many.
public sealed unsafe class DepotTests : IDisposable
{
    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    private readonly SpanLayer _layer = new(SpanLayer.Ageless);
    private readonly Depot _depot;

    // 1 MiB blocks: at most sixteen in full magazines, by the least of four magazines of four.
    private readonly Depot _depotOfLargest;

    public DepotTests()
    {
        _depot = new Depot(_layer.Arena, _layer.Units, SpanLayer.HeapSlot, s_classes[3], new DepotBudget());
        _depotOfLargest = new Depot(_layer.Arena, _layer.Units, SpanLayer.HeapSlot, s_classes[^1], new DepotBudget());
    }

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void AFullOneComesFromSpansWhereTheDepotHasNone()
    {
        Magazine* magazine = _depot.ExchangeForFull(null, 20);
        Assert.Equal(20, magazine->Count);
        Assert.Equal(20, BlocksOf(magazine).Distinct().Count());
        Assert.Equal((20L, 0L, 1), _depot.Count());
    }

    [Fact]
    public void WholeMagazinesChangeHandsUnchanged()
    {
        Magazine* magazine = _depot.ExchangeForFull(null, 20);
        nint[] blocks = BlocksOf(magazine);
        Magazine* empty = _depot.ExchangeForEmpty(magazine, 20, out nuint corrupt);
        Assert.Equal((nuint)0, corrupt);
        Assert.True(empty != magazine);
        Assert.Equal(0, empty->Count);
        Assert.True(empty->Capacity >= 20);
        Assert.Equal((20L, 20L, 1), _depot.Count());

        Assert.True(_depot.ExchangeForFull(empty, 20) == magazine);
        Assert.Equal(blocks, BlocksOf(magazine));
        Assert.Equal((20L, 0L, 1), _depot.Count());

        // The empty one was kept: it is the next that is asked for.
        Assert.True(_depot.ExchangeForEmpty(null, 20, out _) == empty);
    }

    [Fact]
    public void OfAFullOneThatHasMoreThanIsWantedTheNewestAreMoved()
    {
        Magazine* large = _depot.ExchangeForFull(null, 20);
        nint[] blocks = BlocksOf(large);
        _depot.Add(large);
        Magazine* first = _depot.ExchangeForFull(null, 3);
        Assert.Equal(blocks[^3..], BlocksOf(first));
        Assert.Equal((20L, 17L, 1), _depot.Count());

        // Into the caller's own.
        first->Count = 0;
        Assert.True(_depot.ExchangeForFull(first, 3) == first);
        Assert.Equal(blocks[^6..^3], BlocksOf(first));
        Assert.Equal((20L, 14L, 1), _depot.Count());
        Assert.True(_depot.ExchangeForEmpty(null, 1, out _) != first);
        Magazine* rest = _depot.ExchangeForFull(null, 14);
        Assert.Equal(blocks[..14], BlocksOf(rest));
        Assert.Equal((20L, 0L, 1), _depot.Count());
    }

    [Fact]
    public void AFullOneThatBlocksWereTakenFromIsNotReapedAsUnused()
    {
        _depot.Add(_depot.ExchangeForFull(null, 20));
        Assert.Equal(0, _depot.Reap(out _));
        _depot.ExchangeForFull(null, 3);
        Assert.Equal(0, _depot.Reap(out _));
        Assert.Equal((20L, 17L, 1), _depot.Count());
        Assert.Equal(1, _depot.Reap(out _));
        Assert.Equal((3L, 0L, 1), _depot.Count());
    }

    // Of two, one was away for a while: so one was in nobody's way.
    [Fact]
    public void AsManyAreReapedAsThereAlwaysWere()
    {
        Magazine* other = _depot.ExchangeForFull(null, 20);
        _depot.Add(_depot.ExchangeForFull(null, 20));
        _depot.Add(other);
        Assert.Equal(0, _depot.Reap(out _));
        _depot.Add(_depot.ExchangeForFull(null, 20));
        Assert.Equal(1, _depot.Reap(out _));
    }

    [Fact]
    public void AnEmptyOneThatIsTooSmallIsNotHandedOut()
    {
        Magazine* small = _depot.ExchangeForEmpty(null, 5, out _);
        Assert.True(small->Capacity < 100);
        _depot.Add(small);
        Magazine* large = _depot.ExchangeForEmpty(null, 100, out _);
        Assert.True(large->Capacity >= 100);
    }

    [Fact]
    public void OneTooManyIsEmptiedIntoItsSpansInstead()
    {
        // Each gets three blocks, one to a span: no new span is opened for the fourth.
        List<nint> magazines = [.. Enumerable.Range(0, 6).Select(_ => (nint)_depotOfLargest.ExchangeForFull(null, 4))];
        foreach (nint magazine in magazines.Take(5))
        {
            Assert.True((nint)_depotOfLargest.ExchangeForEmpty((Magazine*)magazine, 4, out _) != magazine);
        }

        Assert.Equal((18L, 15L, 18), _depotOfLargest.Count());
        Assert.Equal(magazines[5], (nint)_depotOfLargest.ExchangeForEmpty((Magazine*)magazines[5], 4, out _));
        Assert.Equal(0, ((Magazine*)magazines[5])->Count);
        Assert.Equal((15L, 15L, 15), _depotOfLargest.Count());
    }

    [Fact]
    public void FlushAllFreesAllBlocksAndTheirSpans()
    {
        Magazine* first = _depot.ExchangeForFull(null, 50);
        Magazine* second = _depot.ExchangeForFull(null, 50);
        nint kept = BlocksOf(second)[0];
        Magazine.SlotsOf(second)[0] = Magazine.SlotsOf(second)[--second->Count];
        _depot.Add(first);
        _depot.Add(second);
        Assert.Equal((100L, 99L, 1), _depot.Count());
        Assert.Equal((nuint)0, _depot.FlushAll());
        Assert.Equal((1L, 0L, 1), _depot.Count());
        Assert.True(_depot.TryFreeOne((void*)kept));
        Assert.Equal((0L, 0L, 0), _depot.Count());
        Assert.Equal(_layer.Cache.OwnedCount, _layer.Cache.CachedCount);
    }

    [Fact]
    public void FlushAllTwiceUsesTheSameRecords()
    {
        long held = _layer.Arena.Metadata.HeldBytes;
        for (int round = 0; round < 1_000; round++)
        {
            _depot.Add(_depot.ExchangeForFull(null, 200));
            _depot.Add(_depot.ExchangeForEmpty(null, 200, out _));
            _depot.FlushAll();
        }

        // No chunk more: nothing was lost on the way.
        Assert.Equal(held, _layer.Arena.Metadata.HeldBytes);
    }

    [Fact]
    public void ABlockThatIsInTwiceIsReportedWhenItReachesItsSpan()
    {
        Magazine* magazine = _depot.ExchangeForFull(null, 10);
        void** slots = Magazine.SlotsOf(magazine);
        nuint twice = (nuint)slots[4];
        slots[7] = slots[4];
        _depot.Add(magazine);
        Assert.Equal(twice, _depot.FlushAll());

        // The one it took the place of is still out; all others are back.
        Assert.Equal((1L, 0L, 1), _depot.Count());
    }

    [Fact]
    public void SingleBlocksComeOutOfFullMagazinesFirst()
    {
        Magazine* magazine = _depot.ExchangeForFull(null, 3);
        HashSet<nint> blocks = [.. BlocksOf(magazine)];
        _depot.Add(magazine);
        for (int i = 0; i < 3; i++)
        {
            Assert.True(blocks.Remove((nint)_depot.TryAllocOne(out bool isZero)));
            Assert.False(isZero);
        }

        Assert.Equal((3L, 0L, 1), _depot.Count());
        Assert.True(_depot.TryAllocOne(out bool isNewZero) != null);
        Assert.True(isNewZero);

        // The magazine was kept, empty.
        Assert.True(_depot.ExchangeForEmpty(null, 3, out _) == magazine);
    }

    [Fact]
    public void ASingleBlockIsRefusedTheSecondTime()
    {
        void* block = _depot.TryAllocOne(out _);
        _depot.TryAllocOne(out _);
        Assert.True(_depot.TryFreeOne(block));
        Assert.False(_depot.TryFreeOne(block));
        Assert.Equal((1L, 0L, 1), _depot.Count());
    }

    [Fact]
    public void WithoutMemoryForBlocksTheCallersMagazineStaysTheCallers()
    {
        Magazine* mine = _depot.ExchangeForEmpty(null, 10, out _);
        _layer.Os.RefuseAll(OsCall.Commit);
        Assert.True(_depot.ExchangeForFull(mine, 10) == null);
        Assert.True(_depot.ExchangeForFull(null, 10) == null);
        Assert.True(_depot.TryAllocOne(out _) == null);
        Assert.Equal((0L, 0L, 0), _depot.Count());

        // Had the depot kept it, it would be this one.
        Assert.True(_depot.ExchangeForEmpty(null, 10, out _) != mine);
        _layer.Os.RefuseNone();
        Assert.True(_depot.ExchangeForFull(mine, 10) == mine);
        Assert.Equal(10, mine->Count);
    }

    [Fact]
    public void WithoutMemoryForAMagazineThereAreStillBlocks()
    {
        _layer.Os.RefuseAll(OsCall.Reserve);
        while (_layer.Arena.Metadata.TryAllocate(64) != null)
        {
        }

        Assert.True(_depot.ExchangeForFull(null, 10) == null);
        Assert.True(_depot.ExchangeForEmpty(null, 10, out _) == null);
        void* block = _depot.TryAllocOne(out _);
        Assert.True(block != null);
        Assert.True(_depot.TryFreeOne(block));
    }

    [Fact]
    public void WithoutMemoryForAnEmptyOneTheFullOneIsEmptied()
    {
        Magazine* magazine = _depot.ExchangeForFull(null, 10);
        int capacity = magazine->Capacity;

        // More than the one region of records holds.
        _layer.Os.RefuseAll(OsCall.Reserve);
        while (_layer.Arena.Metadata.TryAllocate(64) != null)
        {
        }

        Assert.True(_depot.ExchangeForEmpty(magazine, capacity + 1, out nuint corrupt) == magazine);
        Assert.Equal((nuint)0, corrupt);
        Assert.Equal(0, magazine->Count);
        Assert.Equal((0L, 0L, 0), _depot.Count());
    }

    [Fact]
    public void ClearForgetsWhatIsOut()
    {
        _depot.ExchangeForFull(null, 10);
        _depot.Add(_depot.ExchangeForFull(null, 10));
        _depot.Clear();
        Assert.Equal((0L, 0L, 0), _depot.Count());
        Assert.Equal(10, _depot.ExchangeForFull(null, 10)->Count);
    }

    private static nint[] BlocksOf(Magazine* magazine) => new ReadOnlySpan<nint>(Magazine.SlotsOf(magazine), magazine->Count).ToArray();
}
