using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using Hakmem.Os;

namespace Hakmem.Metrics;

// The instruments of one pool, on a meter of their own, so that disposing the meter removes them and no other pool's.
// A pool's figures are sums of a few words for each thread, so each instrument reads them for itself.
internal sealed class PoolMeter : IDisposable
{
    private readonly Func<NativeMemoryPoolStatistics> _read;
    private readonly KeyValuePair<string, object?>[] _tags;
    private readonly Meter _meter = new(
        HakmemMetrics.MeterName, typeof(PoolMeter).Assembly.GetName().Version?.ToString(3));

    public PoolMeter(Func<NativeMemoryPoolStatistics> read, string poolName)
    {
        _read = read;
        _tags = [new("hakmem.pool", poolName)];
        try
        {
            AddAll();
        }
        catch
        {
            // Half of the instruments, which nobody could remove.
            Dispose();
            throw;
        }
    }

    public void Dispose() => _meter.Dispose();

    private void AddAll()
    {
        Add("hakmem.pool.rented", "By", "Bytes of buffers that are rented.", s => s.RentedBytes);
        Add("hakmem.pool.buffers", "{buffer}", "Buffers that are rented.", s => s.RentedCount);
        AddCounter("hakmem.pool.rentals", "{rental}", "Rentals since the pool was created.", s => s.RentalCount);
        AddCounter("hakmem.pool.returns", "{return}", "Returns since the pool was created.", s => s.ReturnCount);
        AddCounter(
            "hakmem.pool.refused", "{rental}", "Rentals that memory or a limit refused.", s => s.RefusedCount);
        AddCounter("hakmem.pool.leaked", "{buffer}", "Buffers whose owners were dropped.", s => s.LeakedCount);
        AddCounter(
            "hakmem.pool.late_disposals", "{disposal}", "Disposals of recycled owners that were not rented.",
            s => s.LateDisposeCount);
        if (_read().MaxBytes > 0)
        {
            Add("hakmem.pool.limit", "By", "The limit on rented bytes.", s => s.MaxBytes);
        }
    }

    private void Add(string name, string unit, string description, Func<NativeMemoryPoolStatistics, long> figure)
    {
        ManagedMemory.Need();
        _meter.CreateObservableUpDownCounter(name, () => Measure(figure), unit, description);
    }

    private void AddCounter(
        string name, string unit, string description, Func<NativeMemoryPoolStatistics, long> figure)
    {
        ManagedMemory.Need();
        _meter.CreateObservableCounter(name, () => Measure(figure), unit, description);
    }

    private Measurement<long> Measure(Func<NativeMemoryPoolStatistics, long> figure) => new(figure(_read()), _tags);
}
