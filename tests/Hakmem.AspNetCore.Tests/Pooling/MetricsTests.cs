using System;
using System.Buffers;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

public sealed class MetricsTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly Dictionary<string, long> _figures = [];
    private readonly MeterListener _listener = new();
    private readonly IMeterFactory _meters;

    public MetricsTests()
    {
        _meters = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            // Other tests have meters of the same name, in containers of their own.
            if (instrument.Meter.Name == "Hakmem.AspNetCore" && instrument.Meter.Scope == _meters)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => _figures[$"{instrument.Name} {instrument.Unit}"] = value);
        _listener.Start();
    }

    [Fact]
    public void AllFiguresArePublished()
    {
        using PinnedMemoryPool pool = new(meterFactory: _meters);
        IMemoryOwner<byte>[] owners = [.. Enumerable.Range(0, 40).Select(_ => pool.Rent())];
        for (int i = 10; i < 40; i++)
        {
            owners[i].Dispose();
        }

        Observe();
        Assert.Equal(10 * 4096, _figures["hakmem.pinned_pool.rented By"]);
        Assert.Equal(54 * 4096, _figures["hakmem.pinned_pool.pooled By"]);
        Assert.Equal(64 * 4096, _figures["hakmem.pinned_pool.total By"]);
        Assert.Equal(40, _figures["hakmem.pinned_pool.rents {rental}"]);
        Assert.Equal(2, _figures["hakmem.pinned_pool.allocations {slab}"]);
        Assert.Equal(0, _figures["hakmem.pinned_pool.evictions {slab}"]);
        Assert.Equal(0, _figures["hakmem.pinned_pool.late_disposals {disposal}"]);
        Assert.Equal(0, _figures["hakmem.pinned_pool.beyond_limit By"]);
        Assert.Equal(0, _figures["hakmem.pinned_pool.beyond_limit_rents {rental}"]);
        Assert.Equal(9, _figures.Count);

        Array.ForEach(owners[..10], owner => owner.Dispose());
        pool.Trim();
        Observe();
        Assert.Equal(0, _figures["hakmem.pinned_pool.total By"]);
        Assert.Equal(2, _figures["hakmem.pinned_pool.evictions {slab}"]);
    }

    [Fact]
    public void WhatGoesBeyondTheLimitIsPublished()
    {
        using PinnedMemoryPool pool = new(new PinnedMemoryPoolOptions { MaxBytes = 128 << 10 }, _meters);
        IMemoryOwner<byte>[] owners = [.. Enumerable.Range(0, 40).Select(_ => pool.Rent())];
        Observe();
        Assert.Equal(40 * 4096, _figures["hakmem.pinned_pool.rented By"]);
        Assert.Equal(8 * 4096, _figures["hakmem.pinned_pool.beyond_limit By"]);
        Array.ForEach(owners, owner => owner.Dispose());
        Observe();
        Assert.Equal(0, _figures["hakmem.pinned_pool.beyond_limit By"]);
        Assert.Equal(8, _figures["hakmem.pinned_pool.beyond_limit_rents {rental}"]);
    }

    [Fact]
    public void ADisposedPoolSaysNothing()
    {
        PinnedMemoryPool pool = new(meterFactory: _meters);
        pool.Rent().Dispose();
        pool.Dispose();
        Observe();
        Assert.Empty(_figures);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _services.Dispose();
    }

    private void Observe()
    {
        _figures.Clear();
        _listener.RecordObservableInstruments();
    }
}
