using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using Hakmem.Metrics;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Metrics;

// What a listener gets to see of a heap that one thread uses.
[Collection(MeterReader.Collection)]
public sealed unsafe class HakmemMetricsTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly string _name = Guid.NewGuid().ToString();
    private readonly MeterReader _reader;

    public HakmemMetricsTests() => _reader = new MeterReader(_name);

    public void Dispose()
    {
        _reader.Dispose();
        _heap.Dispose();
    }

    [Fact]
    public void EachTagHasAMeasurement()
    {
        using IDisposable registration = HakmemMetrics.Register(_heap, _name);
        using MemoryTag root = new("root");
        using MemoryTag child = new("child", root);
        _heap.ForTag(child).Alloc(1_024);
        _heap.ForTag(root).Alloc(512);

        // Another tag of the same path is part of its measurement.
        using MemoryTag successor = new("child", root);
        _heap.ForTag(successor).Alloc(256);
        Dictionary<string, long> measured = _reader.Read().Where(each => each.Name == "hakmem.tag.live")
            .ToDictionary(each => (string)each.Attributes["hakmem.tag"]!, each => each.Value);
        Assert.Equal(new Dictionary<string, long> { ["root"] = 1_792, ["root/child"] = 1_280 }, measured);
    }

    [Fact]
    public void ASecondDisposalOfARegistrationLeavesAnotherItsName()
    {
        IDisposable first = HakmemMetrics.Register(_heap, _name);
        using IDisposable second = HakmemMetrics.Register(_heap, _name);
        first.Dispose();
        first.Dispose();
        Assert.Equal(_name, HeapNames.Find(_heap));
    }

    [Fact]
    public void TheInstrumentsSayWhatTheStatisticsSay()
    {
        using IDisposable registration = HakmemMetrics.Register(_heap, _name);
        for (int i = 0; i < 1_000; i++)
        {
            _heap.Alloc(BlockSizes.Tiny);
        }

        _heap.Free(_heap.Alloc(BlockSizes.Large));
        Assert.False(_heap.TryAlloc(nuint.MaxValue, out _));

        // Decay and other tests, which share the records, may change the figures between two readings.
        HakmemStatistics earlier;
        HakmemStatistics statistics;
        Dictionary<string, long> measured;
        int turns = 0;
        do
        {
            earlier = _heap.GetStatistics();
            measured = _reader.ReadByName();
            statistics = _heap.GetStatistics();
        }
        while (++turns < 1_000 && !FiguresOf(earlier).SequenceEqual(FiguresOf(statistics)));

        // Those of all heaps change while other tests run.
        Assert.True(measured.Remove("hakmem.system.calls", out long calls));
        Assert.InRange(calls, earlier.SystemCalls, statistics.SystemCalls);
        Assert.True(measured.Remove("hakmem.corruption.reports", out long reports));
        Assert.InRange(reports, earlier.CorruptionReports, statistics.CorruptionReports);
        Assert.True(measured.Remove("hakmem.memory.resident", out long resident) == OperatingSystem.IsLinux());
        Assert.InRange(resident, 0, statistics.CommittedBytes);
        Assert.Equal(FiguresOf(statistics), measured);
        Assert.Equal(64_000, measured["hakmem.memory.live"]);
        Assert.True(measured["hakmem.superslabs.cached"] > 0);
        Assert.Equal(1, measured["hakmem.allocations.refused"]);
        Assert.All(
            _reader.Read().Where(each => each.Name.Contains("memory", StringComparison.Ordinal)),
            each => Assert.Equal("By", each.Unit));
    }

    // Of a heap that was never profiled nothing is known.
    [Fact]
    public void WhatWasAllocatedIsMeasuredFromTheFirstSampleOn()
    {
        using IDisposable registration = HakmemMetrics.Register(_heap, _name);
        _heap.Free(_heap.Alloc(3 << 20));
        Assert.DoesNotContain("hakmem.blocks.allocated", _reader.ReadByName().Keys);
        using (HakmemProfiler.Start(_heap, 1))
        {
            _heap.Alloc(3 << 20);
            _heap.Free(_heap.Alloc(5 << 20));
        }

        Dictionary<string, long> measured = _reader.ReadByName();
        Assert.Equal(2, measured["hakmem.blocks.sampled"]);
        Assert.Equal(2, measured["hakmem.blocks.allocated"]);
        Assert.Equal(1, measured["hakmem.blocks.freed"]);
        Assert.Equal(8 << 20, measured["hakmem.memory.allocated"]);
        Assert.Equal(5 << 20, measured["hakmem.memory.freed"]);
    }

    [Fact]
    public void TimeInSystemCallsIsInSeconds()
    {
        using IDisposable registration = HakmemMetrics.Register(_heap, _name);
        double seconds = -1;
        using MeterListener listener = new()
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument is { Meter.Name: HakmemMetrics.MeterName, Name: "hakmem.system.time", Unit: "s" })
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) =>
            seconds = tags.ToArray().Any(tag => (string?)tag.Value == _name) ? value : seconds);
        listener.Start();
        HakmemStatistics before = _heap.GetStatistics();
        listener.RecordObservableInstruments();
        HakmemStatistics after = _heap.GetStatistics();
        Assert.InRange(seconds, before.SystemCallTime.TotalSeconds, after.SystemCallTime.TotalSeconds);
        Assert.True(seconds > 0);
    }

    [Fact]
    public void ALimitIsPublishedWhileThereIsOne()
    {
        using IDisposable registration = HakmemMetrics.Register(_heap, _name);
        Assert.DoesNotContain("hakmem.memory.limit", _reader.ReadByName().Keys);
        _heap.SetLimits(0, 64 << 20);
        Assert.Equal(64 << 20, _reader.ReadByName()["hakmem.memory.limit"]);
    }

    [Fact]
    public void EveryCollectionReadsAnew()
    {
        using IDisposable registration = HakmemMetrics.Register(_heap, _name);
        for (int blocks = 0; blocks < 5; blocks++)
        {
            Assert.Equal(blocks, _reader.ReadByName()["hakmem.blocks.live"]);
            _heap.Alloc(BlockSizes.Mid);
        }
    }

    [Fact]
    public void NothingIsPublishedBeforeItIsAskedForOrAfterItsEnd()
    {
        Assert.Empty(_reader.Read());
        IDisposable registration = HakmemMetrics.Register(_heap, _name);
        Assert.NotEmpty(_reader.Read());
        registration.Dispose();
        registration.Dispose();
        Assert.Empty(_reader.Read());
    }

    [Fact]
    public void TwoHeapsAreToldApartAndOneEndsWithoutTheOther()
    {
        using HakmemAllocator other = new();
        other.Alloc(BlockSizes.Mid);
        IDisposable registration = HakmemMetrics.Register(other, _name + "2");
        using IDisposable own = HakmemMetrics.Register(_heap, _name);
        registration.Dispose();
        Assert.Equal(0, _reader.ReadByName()["hakmem.blocks.live"]);
    }

    [Fact]
    public void ADisposedHeapIsMeasuredNoMore()
    {
        HakmemAllocator heap = new();
        using IDisposable registration = HakmemMetrics.Register(heap, _name);
        Assert.NotEmpty(_reader.Read());
        heap.Dispose();
        Assert.Empty(_reader.Read());
    }

    [Fact]
    public void AHeapAndANameAreNeeded()
    {
        Assert.Throws<ArgumentNullException>(() => HakmemMetrics.Register(null!, _name));
        Assert.Throws<ArgumentNullException>(() => HakmemMetrics.Register(_heap, null!));
        Assert.Throws<ArgumentException>(() => HakmemMetrics.Register(_heap, ""));
    }

    private static Dictionary<string, long> FiguresOf(HakmemStatistics statistics) => new()
    {
        ["hakmem.memory.live"] = statistics.LiveBytes,
        ["hakmem.memory.cached"] = statistics.CachedBytes,
        ["hakmem.memory.committed"] = statistics.CommittedBytes,
        ["hakmem.memory.dirty"] = statistics.DirtyBytes,
        ["hakmem.blocks.live"] = statistics.LiveBlocks,
        ["hakmem.superslabs.in_use"] = statistics.SuperSlabsInUse,
        ["hakmem.superslabs.cached"] = statistics.SuperSlabsCached,
        ["hakmem.thread_caches"] = statistics.ThreadCaches,
        ["hakmem.decay.failed_passes"] = statistics.FailedDecayPasses,
        ["hakmem.memory.peak"] = statistics.PeakCommittedBytes,
        ["hakmem.memory.records"] = statistics.RecordBytes,
        ["hakmem.memory.tables"] = statistics.TableBytes,
        ["hakmem.memory.purged"] = statistics.PurgedBytes,
        ["hakmem.purge.calls"] = statistics.PurgeCalls,
        ["hakmem.blocks.reaped"] = statistics.ReapedBlocks,
        ["hakmem.depot.exchanges"] = statistics.DepotExchanges,
        ["hakmem.depot.waits"] = statistics.DepotWaits,
        ["hakmem.allocations.refused"] = statistics.RefusedAllocations,
    };
}
