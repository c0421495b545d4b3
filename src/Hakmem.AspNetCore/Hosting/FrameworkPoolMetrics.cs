using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using Hakmem.AspNetCore.Pooling;

namespace Hakmem.AspNetCore.Hosting;

// Publishes the figures of Kestrel's pool under the names that ASP.NET Core gives those of its own pools, which
// UseHakmemForKestrel replaces: dashboards and alerts are built on them. The names, units and the attribute are the
// framework's (https://learn.microsoft.com/aspnet/core/log-mon/metrics/built-in).
//
// There they are counters to which each rental adds. Here they are observed, so that rentals pay nothing; an exporter
// sends the same sums.
internal sealed class FrameworkPoolMetrics
{
    public const string MeterName = "Microsoft.AspNetCore.MemoryPool";
    public const string Prefix = "aspnetcore.memory_pool.";
    public const string OwnerAttribute = "aspnetcore.memory_pool.owner";

    private readonly PinnedMemoryPool _pool;
    private readonly KeyValuePair<string, object?>[] _attributes;

    // owner: the name that whoever asked for the pool gave it, such as "kestrel"; null for none.
    public FrameworkPoolMetrics(IMeterFactory meterFactory, PinnedMemoryPool pool, string? owner)
    {
        _pool = pool;
        _attributes = string.IsNullOrEmpty(owner) ? [] : [new(OwnerAttribute, owner)];
        Meter meter = meterFactory.Create(new MeterOptions(MeterName));
        meter.CreateObservableUpDownCounter(
            Prefix + "pooled", () => Observe(s => s.PooledBytes), "By", "Bytes in the pool that are free for reuse.");
        Add("allocated", Allocated, "Bytes that the pool has allocated.");
        Add("evicted", s => Allocated(s) - s.TotalBytes, "Bytes that the pool has dropped after disuse.");
        Add("rented", s => s.Rents * PinnedSlab.BlockBytes, "Bytes that were rented from the pool.");

        void Add(string name, Func<PinnedMemoryPoolStatistics, long> figure, string description) =>
            meter.CreateObservableCounter(Prefix + name, () => Observe(figure), "By", description);
    }

    private static long Allocated(PinnedMemoryPoolStatistics statistics) =>
        (statistics.Allocations * PinnedSlab.Bytes) + (statistics.BeyondLimitRents * PinnedSlab.BlockBytes);

    private IEnumerable<Measurement<long>> Observe(Func<PinnedMemoryPoolStatistics, long> figure) =>
        _pool.IsDisposed ? [] : [new Measurement<long>(figure(_pool.GetStatistics()), _attributes)];
}
