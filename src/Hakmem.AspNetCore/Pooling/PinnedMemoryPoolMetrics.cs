using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;

namespace Hakmem.AspNetCore.Pooling;

// Publishes a store's statistics. All instruments are observed: nothing is counted for them when a block is rented, and what nobody
// listens to costs nothing. Names follow the semantic conventions: bytes in By, annotated counts in braces.
internal sealed class PinnedMemoryPoolMetrics : IDisposable
{
    public const string MeterName = "Hakmem.AspNetCore";
    public const string Prefix = "hakmem.pinned_pool.";

    private readonly PinnedBlockStore _store;

    // Written once by Dispose on any thread; read by observations. A meter cannot drop single instruments, and its factory's meter
    // outlives a pool that is disposed before the container.
    private volatile bool _isDisposed;

    public PinnedMemoryPoolMetrics(IMeterFactory meterFactory, PinnedBlockStore store)
    {
        _store = store;
        Meter meter = meterFactory.Create(new MeterOptions(MeterName));
        meter.CreateObservableUpDownCounter(Prefix + "rented", () => Observe(s => s.RentedBytes), "By", "Bytes of blocks that are rented.");
        meter.CreateObservableUpDownCounter(Prefix + "pooled", () => Observe(s => s.PooledBytes), "By", "Bytes of blocks that are free for reuse.");
        meter.CreateObservableUpDownCounter(Prefix + "total", () => Observe(s => s.TotalBytes), "By", "Bytes that the pool holds, rented or not.");
        meter.CreateObservableCounter(Prefix + "rents", () => Observe(s => s.Rents), "{rental}", "Blocks rented since the start.");
        meter.CreateObservableCounter(Prefix + "allocations", () => Observe(s => s.Allocations), "{slab}", "Slabs of 128 KiB allocated since the start.");
        meter.CreateObservableCounter(Prefix + "evictions", () => Observe(s => s.Evictions), "{slab}", "Slabs of 128 KiB given up since the start.");
    }

    public void Dispose() => _isDisposed = true;

    private IEnumerable<Measurement<long>> Observe(Func<PinnedMemoryPoolStatistics, long> figure) =>
        _isDisposed ? [] : [new Measurement<long>(figure(_store.GetStatistics()))];
}
