using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Metrics;

// What a listener gets to see of a heap that one thread uses.
public sealed unsafe class HakmemMetricsTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly string _name = Guid.NewGuid().ToString();
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _measured = [];
    private readonly Dictionary<string, string?> _units = [];

    public HakmemMetricsTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == HakmemMetrics.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            // Other tests' heaps may be registered at the same time.
            if (tags.ToArray().Contains(new KeyValuePair<string, object?>("hakmem.heap", _name)))
            {
                _measured.Add(instrument.Name, value);
                _units[instrument.Name] = instrument.Unit;
            }
        });
        _listener.Start();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _heap.Dispose();
    }

    [Fact]
    public void EachTagHasAMeasurement()
    {
        using IDisposable registration = HakmemMetrics.Register(_heap, _name);
        using MemoryTag root = new("root");
        using MemoryTag child = new("child", root);
        Dictionary<string, long> measured = [];
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            KeyValuePair<string, object?>[] all = tags.ToArray();
            if (instrument.Name == "hakmem.tag.live" && all.Contains(new("hakmem.heap", _name)))
            {
                measured.Add((string)all.Single(tag => tag.Key == "hakmem.tag").Value!, value);
            }
        });
        _heap.ForTag(child).Alloc(1_024);
        _heap.ForTag(root).Alloc(512);

        // Another tag of the same path is part of its measurement.
        using MemoryTag successor = new("child", root);
        _heap.ForTag(successor).Alloc(256);
        _listener.RecordObservableInstruments();
        Assert.Equal(new Dictionary<string, long> { ["root"] = 1_792, ["root/child"] = 1_280 }, measured);
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
        Collect();
        HakmemStatistics statistics = _heap.GetStatistics();
        Assert.Equal(
            new Dictionary<string, long>
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
                ["hakmem.allocations.refused"] = statistics.RefusedAllocations,
            },
            _measured);
        Assert.Equal(64_000, _measured["hakmem.memory.live"]);
        Assert.True(_measured["hakmem.superslabs.cached"] > 0);
        Assert.Equal(1, _measured["hakmem.allocations.refused"]);
        Assert.All(_units.Where(unit => unit.Key.Contains("memory", StringComparison.Ordinal)), unit => Assert.Equal("By", unit.Value));
    }

    [Fact]
    public void EveryCollectionReadsAnew()
    {
        using IDisposable registration = HakmemMetrics.Register(_heap, _name);
        for (int blocks = 0; blocks < 5; blocks++)
        {
            Collect();
            Assert.Equal(blocks, _measured["hakmem.blocks.live"]);
            _heap.Alloc(BlockSizes.Mid);
        }
    }

    [Fact]
    public void NothingIsPublishedBeforeItIsAskedForOrAfterItsEnd()
    {
        Collect();
        Assert.Empty(_measured);
        IDisposable registration = HakmemMetrics.Register(_heap, _name);
        Collect();
        Assert.NotEmpty(_measured);
        registration.Dispose();
        registration.Dispose();
        Collect();
        Assert.Empty(_measured);
    }

    [Fact]
    public void TwoHeapsAreToldApartAndOneEndsWithoutTheOther()
    {
        using HakmemAllocator other = new();
        other.Alloc(BlockSizes.Mid);
        IDisposable registration = HakmemMetrics.Register(other, _name + "2");
        using IDisposable own = HakmemMetrics.Register(_heap, _name);
        registration.Dispose();
        Collect();
        Assert.Equal(0, _measured["hakmem.blocks.live"]);
    }

    [Fact]
    public void ADisposedHeapIsMeasuredNoMore()
    {
        HakmemAllocator heap = new();
        using IDisposable registration = HakmemMetrics.Register(heap, _name);
        Collect();
        Assert.NotEmpty(_measured);
        heap.Dispose();
        Collect();
        Assert.Empty(_measured);
    }

    [Fact]
    public void AHeapAndANameAreNeeded()
    {
        Assert.Throws<ArgumentNullException>(() => HakmemMetrics.Register(null!, _name));
        Assert.Throws<ArgumentNullException>(() => HakmemMetrics.Register(_heap, null!));
        Assert.Throws<ArgumentException>(() => HakmemMetrics.Register(_heap, ""));
    }

    private void Collect()
    {
        _measured.Clear();
        _listener.RecordObservableInstruments();
    }
}
