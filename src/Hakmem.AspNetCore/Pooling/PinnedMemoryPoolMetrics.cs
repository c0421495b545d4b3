using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;

namespace Hakmem.AspNetCore.Pooling;

// Publishes a store's statistics. All instruments are observed, so that a rental counts nothing for them, and they cost
// nothing without a listener. Names and units follow the semantic conventions: bytes in By, annotated counts in braces.
internal sealed class PinnedMemoryPoolMetrics : IDisposable
{
    public const string MeterName = "Hakmem.AspNetCore";
    public const string Prefix = "hakmem.pinned_pool.";

    private readonly PinnedBlockStore _store;

    // Written once by Dispose on any thread; read by observations. A meter cannot drop single instruments, and it
    // outlives a pool that is disposed before the container.
    private volatile bool _isDisposed;

    public PinnedMemoryPoolMetrics(IMeterFactory meterFactory, PinnedBlockStore store)
    {
        _store = store;
        Meter meter = meterFactory.Create(new MeterOptions(MeterName));
        AddBytes("rented", s => s.RentedBytes, "Bytes of blocks that are rented.");
        AddBytes("pooled", s => s.PooledBytes, "Bytes of blocks that are free for reuse.");
        AddBytes("total", s => s.TotalBytes, "Bytes that the pool holds, rented or not.");
        AddBytes("beyond_limit", s => s.BeyondLimitBytes, "Bytes of blocks that are rented beyond the pool's limit.");
        AddCount("rents", s => s.Rents, "{rental}", "Blocks rented since the start.");
        AddCount(
            "beyond_limit_rents", s => s.BeyondLimitRents, "{rental}",
            "Blocks rented beyond the pool's limit since the start.");
        AddCount("allocations", s => s.Allocations, "{slab}", "Slabs of 128 KiB allocated since the start.");
        AddCount("evictions", s => s.Evictions, "{slab}", "Slabs of 128 KiB dropped since the start.");
        AddCount(
            "late_disposals", s => s.LateDisposeCount, "{disposal}",
            "Disposals of recycled owners that were not rented.");

        void AddBytes(string name, Func<PinnedMemoryPoolStatistics, long> figure, string description) =>
            meter.CreateObservableUpDownCounter(Prefix + name, () => Observe(figure), "By", description);

        void AddCount(string name, Func<PinnedMemoryPoolStatistics, long> figure, string unit, string description) =>
            meter.CreateObservableCounter(Prefix + name, () => Observe(figure), unit, description);
    }

    public void Dispose() => _isDisposed = true;

    private IEnumerable<Measurement<long>> Observe(Func<PinnedMemoryPoolStatistics, long> figure) =>
        _isDisposed ? [] : [new Measurement<long>(figure(_store.GetStatistics()))];
}
