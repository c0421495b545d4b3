using System;
using System.Linq;
using Hakmem.Records;
using Hakmem.Small;
using Hakmem.Tests.Pages;
using Xunit;

namespace Hakmem.Tests.Small;

// What all depots of a heap hold together.
public sealed unsafe class DepotBudgetTests : IDisposable
{
    private const long MaxBytes = 24L << 20;

    private static readonly SizeClassInfo[] s_classes = SizeClassInfo.CreateTable();

    private readonly SpanLayer _layer = new(SpanLayer.Ageless);
    private readonly DepotBudget _budget = new();
    private readonly DepotSet _depots;

    public DepotBudgetTests() =>
        _depots = new DepotSet(_layer.Arena, _layer.Units, SpanLayer.HeapSlot, s_classes, _budget);

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void TheSumIsExceededOnlyAboveTheLimit()
    {
        _budget.Add(MaxBytes);
        Assert.False(_budget.IsExceeded);
        _budget.Add(1);
        Assert.True(_budget.IsExceeded);
        _budget.Add(-1);
        Assert.False(_budget.IsExceeded);
    }

    [Fact]
    public void StripeOfOneSeesTheLimitToTheByte()
    {
        _budget.Add(MaxBytes);
        Assert.False(_budget.IsExceededSince(stripe: 0));
        _budget.Add(1);
        Assert.True(_budget.IsExceededSince(stripe: 5));
    }

    [Fact]
    public void CellsOfAllStripesAreAddedUp()
    {
        DepotBudget striped = new(cellCount: 8);
        for (int stripe = 0; stripe < 8; stripe++)
        {
            Assert.False(striped.IsExceeded);
            striped.Add((MaxBytes / 8) + 1, stripe);
        }

        Assert.True(striped.IsExceeded);
        striped.Add(-8, stripe: 3);
        Assert.False(striped.IsExceeded);
    }

    // An eighth of the limit, divided by the stripes: so far a cell may grow before its stripe looks at the others.
    [Fact]
    public void StripesSeeTheLimitOnceTheirCellHasGrown()
    {
        const long Worthwhile = MaxBytes / 64;
        DepotBudget striped = new(cellCount: 8);
        striped.Add(MaxBytes, stripe: 1);
        striped.Add(Worthwhile - 1, stripe: 2);
        Assert.True(striped.IsExceeded);
        Assert.False(striped.IsExceededSince(stripe: 2));
        striped.Add(1, stripe: 2);
        Assert.True(striped.IsExceededSince(stripe: 2));

        // From there on, it has to grow again; and what has left counts from where it has left.
        Assert.False(striped.IsExceededSince(stripe: 2));
        striped.Add(-Worthwhile, stripe: 2);
        Assert.False(striped.IsExceededSince(stripe: 2));
        striped.Add(Worthwhile, stripe: 2);
        Assert.True(striped.IsExceededSince(stripe: 2));
    }

    [Fact]
    public void WhateverBecomesOfMagazinesTheSumIsWhatTheDepotsHold()
    {
        foreach (SizeClassInfo info in s_classes.Take(60))
        {
            Depot depot = _depots[info.Index];
            Magazine* first = depot.ExchangeForFull(null, info.MagazineCapacity);
            Magazine* second = depot.ExchangeForFull(null, info.MagazineCapacity);
            Magazine* third = depot.ExchangeForFull(null, info.MagazineCapacity);
            depot.ExchangeForEmpty(first, info.MagazineCapacity, out _);
            depot.Add(second);
            depot.Add(third);
            depot.TryAllocOne(out _);
            depot.ExchangeForFull(null, 1);
        }

        AssertSumIs(HeldBytes());
        Assert.True(HeldBytes() > 0);
        for (int index = 0; index < 30; index++)
        {
            _depots[index].FlushAll();
        }

        AssertSumIs(HeldBytes());
        Assert.All(s_classes, info => _depots[info.Index].Clear());
        Assert.Equal(0, HeldBytes());
        AssertSumIs(0);
    }

    [Fact]
    public void EnforcingEmptiesOtherDepotsUntilTheSumIsWithinTheLimit()
    {
        int[] indexes = [.. Enumerable.Range(60, 50)];
        foreach (int index in indexes)
        {
            // About a MiB in each, until there is too much. All are taken before any is put, since what was put comes back first.
            int count = Math.Max(1, (1 << 20) / (s_classes[index].MagazineCapacity * s_classes[index].BlockBytes));
            int capacity = s_classes[index].MagazineCapacity;
            nint[] magazines =
                [.. Enumerable.Range(0, count).Select(_ => (nint)_depots[index].ExchangeForFull(null, capacity))];
            foreach (nint magazine in _budget.IsExceeded ? [] : magazines)
            {
                _depots[index].Add((Magazine*)magazine);
            }
        }

        Assert.True(_budget.IsExceeded);
        int inUse = indexes[0];
        long before = _depots[inUse].Count().BlocksHere;
        Assert.Equal((nuint)0, _budget.FlushExcess(_depots, inUse));
        Assert.False(_budget.IsExceeded);
        Assert.Equal(before, _depots[inUse].Count().BlocksHere);
        Assert.InRange(HeldBytes(), MaxBytes / 2, MaxBytes);
        AssertSumIs(HeldBytes());
    }

    // With more stripes than twelve, 2 MiB for each.
    [Theory]
    [InlineData(8, 24)]
    [InlineData(16, 32)]
    [InlineData(64, 128)]
    public void LimitGrowsWithManyStripes(int cells, long mebibytes)
    {
        DepotBudget striped = new(cells);
        striped.Add(mebibytes << 20, stripe: 3);
        Assert.False(striped.IsExceeded);
        striped.Add(1, stripe: 5);
        Assert.True(striped.IsExceeded);
    }

    [Fact]
    public void StripesOfDepotsCountInTheirCells()
    {
        DepotBudget striped = new(cellCount: 4);
        Depot depot = new(
            _layer.Arena, _layer.Units, SpanLayer.HeapSlot, s_classes[3], striped, stripes: 4);
        Magazine* magazine = depot.ExchangeForFull(null, 200);
        depot.Add(magazine, thread: 6);

        // The cell of the third stripe alone gives reason to look, once the rest is there.
        striped.Add(MaxBytes - (200 * 64));
        Assert.False(striped.IsExceeded);
        striped.Add((MaxBytes / 32) - (200 * 64), stripe: 2);
        Assert.True(striped.IsExceededSince(stripe: 2));
        depot.FlushAll();
        striped.Add(-(MaxBytes / 32) + (200 * 64), stripe: 2);
        striped.Add(200 * 64);
        Assert.False(striped.IsExceeded);
        striped.Add(1);
        Assert.True(striped.IsExceeded);
    }

    // Else each further free would go through all depots again.
    [Fact]
    public void DepotInUseIsFlushedIfOthersDidNotSuffice()
    {
        const int InUse = 60;
        _depots[InUse].Add(_depots[InUse].ExchangeForFull(null, 10));
        _budget.Add(MaxBytes);
        Assert.True(_budget.IsExceeded);
        _budget.FlushExcess(_depots, InUse);
        Assert.Equal(0, _depots[InUse].Count().BlocksHere);
        Assert.False(_budget.IsExceeded);
    }

    private long HeldBytes() => s_classes.Sum(info => _depots[info.Index].Count().BlocksHere * info.BlockBytes);

    // The budget says only on which side of its limit the sum is: so it is brought there.
    private void AssertSumIs(long bytes)
    {
        _budget.Add(MaxBytes - bytes);
        Assert.False(_budget.IsExceeded);
        _budget.Add(1);
        Assert.True(_budget.IsExceeded);
        _budget.Add(bytes - MaxBytes - 1);
    }
}
