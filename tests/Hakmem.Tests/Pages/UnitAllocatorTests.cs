using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Records;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Pages;

// Runs of units within SuperSlabs.
public sealed unsafe class UnitAllocatorTests : IDisposable
{
    private readonly SpanLayer _layer = new(SpanLayer.Ageless);

    public void Dispose() => _layer.Dispose();

    [Fact]
    public void ARunComesFromTheTightestSuperSlabThatFits()
    {
        Assert.Equal(0, Allocate(28));
        Assert.Equal(32, Allocate(22));

        // Four units are free in the first and ten in the second.
        Assert.Equal(28, Allocate(3));
        Assert.Equal(54, Allocate(8));
        Assert.Equal(62, Allocate(2));
        Assert.Equal(31, Allocate(1));
        Assert.Equal(2, _layer.Cache.OwnedCount);
        Assert.Equal(64, Allocate(1));
    }

    [Fact]
    public void AWholeSuperSlabIsARunToo()
    {
        Allocate(1);
        Assert.Equal(32, Allocate(32));
        Assert.Equal(0u, _layer.Arena.Slab(1)->FreeUnits);
    }

    [Fact]
    public void AGrowableRunIsPutWhereThereIsMostRoomBehindIt()
    {
        // Four units are free in the middle and seventeen at the end.
        Allocate(10);
        int hole = Allocate(4);
        int wall = Allocate(1);
        _layer.Units.Free(hole, 4);
        Assert.Equal(wall + 1, Allocate(2, isGrowable: true));
    }

    [Fact]
    public void AGrowableRunPrefersAnEmptySuperSlabToAHalfFullOne()
    {
        Allocate(17);
        Assert.Equal(32, Allocate(2, isGrowable: true));

        // Half a SuperSlab is room enough.
        Assert.Equal(34, Allocate(2, isGrowable: true));
    }

    [Fact]
    public void ExtendingTakesTheUnitsBehindIfTheyAreFree()
    {
        int run = Allocate(4);
        Assert.True(_layer.TryExtend(run, 4, 6));
        Assert.Equal(run + 6, Allocate(1));
        Assert.False(_layer.TryExtend(run, 6, 7));
        int last = Allocate(25);
        Assert.False(_layer.TryExtend(last, 25, 26));
        Assert.Equal(0u, _layer.Arena.Slab(0)->FreeUnits);
    }

    [Fact]
    public void MemoryIsFreshUntilItWasHandedOutAndAgainAfterADiscard()
    {
        Allocate(1);
        int run = Allocate(2, isFresh: true);
        _layer.Units.Free(run, 2);
        Assert.Equal(run, Allocate(3, isFresh: false));
        _layer.Units.Free(run, 3);
        _layer.Os.ForgetCalls();
        DiscardFreeUnits();
        Assert.Equal(
            new OsCallRecord(OsCall.Discard, (nuint)_layer.Arena.AddressOfUnit(run), 3 * Geometry.UnitBytes, true),
            Assert.Single(_layer.Os.Calls));
        Assert.Equal(run, Allocate(3, isFresh: true));
    }

    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void ADiscardLeavesUnitsInUseAloneAndIsOneCallForEachRun()
    {
        int[] runs = [.. Enumerable.Range(0, 10).Select(_ => Allocate(2))];
        foreach (int run in runs)
        {
            new Span<byte>(_layer.Arena.AddressOfUnit(run), 2 * Geometry.UnitBytes).Fill(0xEE);
        }

        foreach (int index in new[] { 1, 2, 5, 9 })
        {
            _layer.Units.Free(runs[index], 2);
        }

        _layer.Os.ForgetCalls();
        DiscardFreeUnits();
        Assert.Equal([4, 2, 2], _layer.Os.Calls.Select(call => (int)call.Bytes / Geometry.UnitBytes));
        foreach (int index in Enumerable.Range(0, 10))
        {
            byte expected = index is 1 or 2 or 5 or 9 ? (byte)0 : (byte)0xEE;
            byte* address = _layer.Arena.AddressOfUnit(runs[index]);
            Assert.Equal(-1, new ReadOnlySpan<byte>(address, 2 * Geometry.UnitBytes).IndexOfAnyExcept(expected));
        }

        // What is clean already is not asked for again.
        DiscardFreeUnits();
        Assert.Equal(3, _layer.Os.Calls.Count);
    }

    // A hole would break the huge page: the SuperSlab is discarded when it is empty, as a whole.
    [Fact]
    [Needs(SystemNeed.DiscardKeepsCommitted)]
    public void WithHugePagesASuperSlabInUseIsLeftWhole()
    {
        using SpanLayer layer = new(SpanLayer.Options with { HugePages = HugePageMode.Always, LazyZero = LazyZeroMode.Immediate });
        Assert.True(layer.Units.TryAllocate(3, isGrowable: false, out int first, out _));
        Assert.True(layer.Units.TryAllocate(2, isGrowable: false, out int second, out _));
        layer.Units.Free(first, 3);
        using (layer.Cache.SyncRoot.Enter())
        {
            layer.Units.DiscardFreeUnits();
        }

        Assert.Equal(0, layer.Os.CountOf(OsCall.Discard));
        Assert.True(layer.Units.TryAllocate(3, isGrowable: false, out _, out bool isFresh));
        Assert.False(isFresh);
        layer.Units.Free(first, 3);
        layer.Units.Free(second, 2);
        layer.Cache.Purge(Environment.TickCount64);
        Assert.Equal(
            new OsCallRecord(OsCall.Discard, (nuint)layer.Test.AddressOf(0), Geometry.SlabBytes, true),
            Assert.Single(layer.Os.Calls, call => call.Kind == OsCall.Discard));
    }

    [Fact]
    public void ARefusedDiscardLeavesUnitsStale()
    {
        Allocate(1);
        int run = Allocate(2);
        _layer.Units.Free(run, 2);
        _layer.Os.RefuseAll(OsCall.Discard);
        DiscardFreeUnits();
        Allocate(2, isFresh: false);
    }

    [Fact]
    public void TheLastRunsReturnSendsTheSuperSlabToTheCache()
    {
        int first = Allocate(3);
        int second = Allocate(5);
        _layer.Units.Free(first, 3);
        Assert.Equal(0, _layer.Cache.CachedCount);
        _layer.Units.Free(second, 5);
        Assert.Equal(1, _layer.Cache.CachedCount);
        Assert.Equal(SuperSlabState.Cached, _layer.Arena.Slab(0)->State);
        Allocate(1, isFresh: false);
        Assert.Equal(0, _layer.Cache.CachedCount);
    }

    [Fact]
    public void MemoryOutIsFalseAndChangesNothing()
    {
        Allocate(20);
        _layer.Os.RefuseAll(OsCall.Commit);
        Assert.False(_layer.Units.TryAllocate(13, isGrowable: false, out int unit, out _));
        Assert.Equal(-1, unit);
        Assert.Equal(20, Allocate(12));
    }

    [Fact]
    public void AnySequenceKeepsRunsApart()
    {
        Random random = new(3);
        List<(int Unit, int Count)> runs = [];
        bool[] isTaken = new bool[_layer.Arena.SlabCount * Geometry.UnitsPerSlab];
        for (int step = 0; step < 20_000; step++)
        {
            if (random.Next(100) < 52 && runs.Count < 200)
            {
                int count = random.Next(4) == 0 ? random.Next(1, 33) : random.Next(1, 6);
                Assert.True(_layer.Units.TryAllocate(count, random.Next(2) == 0, out int unit, out _));
                Assert.Equal(unit / 32, (unit + count - 1) / 32);
                Mark(unit, count, value: true);
                runs.Add((unit, count));
            }
            else if (runs.Count > 0)
            {
                int index = random.Next(runs.Count);
                (int unit, int count) = runs[index];
                bool canExtend = (unit % 32) + count < 32 && !isTaken[unit + count];
                if (random.Next(3) == 0)
                {
                    Assert.Equal(canExtend, _layer.TryExtend(unit, count, count + 1));
                    if (canExtend)
                    {
                        Mark(unit + count, 1, value: true);
                        runs[index] = (unit, count + 1);
                    }
                }
                else
                {
                    Mark(unit, count, value: false);
                    _layer.Units.Free(unit, count);
                    runs.RemoveAt(index);
                }
            }
        }

        for (int slab = 0; slab < _layer.Arena.SlabCount; slab++)
        {
            if (_layer.Arena.Slab(slab)->State == SuperSlabState.Spans)
            {
                uint taken = 0;
                for (int unit = 0; unit < 32; unit++)
                {
                    taken |= isTaken[(slab * 32) + unit] ? 1u << unit : 0;
                }

                Assert.Equal(~taken, _layer.Arena.Slab(slab)->FreeUnits);
            }
        }

        void Mark(int unit, int count, bool value)
        {
            foreach (int each in Enumerable.Range(unit, count))
            {
                Assert.NotEqual(value, isTaken[each]);
                isTaken[each] = value;
            }
        }
    }

    private int Allocate(int count, bool isGrowable = false, bool? isFresh = null)
    {
        Assert.True(_layer.Units.TryAllocate(count, isGrowable, out int unit, out bool fresh));
        Assert.Equal(isFresh ?? fresh, fresh);
        return unit;
    }

    private void DiscardFreeUnits()
    {
        using (_layer.Cache.SyncRoot.Enter())
        {
            _layer.Units.DiscardFreeUnits();
        }
    }
}
