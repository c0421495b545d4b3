using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Metrics;

// The instruments of one heap, on a meter of their own, so that disposing the meter removes them and no other heap's.
//
// A listener reads one instrument after another. They share one reading of the statistics, so that a collection costs
// one GetStatistics and its figures are of one moment. An instrument takes a new reading if it was already answered
// from the current one, or if that is older than MaxAgeMs, which happens when a listener has enabled only a few
// instruments.
internal sealed class HeapMeter : IDisposable
{
    private const long MaxAgeMs = 200;

    private readonly HakmemAllocator _allocator;
    private readonly KeyValuePair<string, object?>[] _tags;
    private readonly Meter _meter = new(
        HakmemMetrics.MeterName, typeof(HeapMeter).Assembly.GetName().Version?.ToString(3));
    private readonly UninterruptibleLock _lock = new();
    private int _instruments;

    // 1 once disposed: another registration may have the same name.
    private int _isDisposed;

    // Guarded by _lock: the current reading, its time, and one bit for each instrument that was answered from it.
    private HakmemStatistics? _reading;
    private long _readAtMs;
    private uint _answered;

    public HeapMeter(HakmemAllocator allocator, string heapName)
    {
        _allocator = allocator;
        _tags = [new("hakmem.heap", heapName)];
        try
        {
            HeapNames.Add(allocator, heapName);
            AddAll();
        }
        catch
        {
            // Half of the instruments, which nobody could remove.
            Dispose();
            throw;
        }
    }

    // Needs no managed memory for the name.
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            HeapNames.Remove(_allocator, (string)_tags[0].Value!);
            _meter.Dispose();
        }
    }

    private void AddAll()
    {
        Add("hakmem.memory.live", "By", "Bytes in blocks that callers hold.", s => s.LiveBytes);
        Add("hakmem.memory.cached", "By", "Bytes in free blocks in thread caches and depots.", s => s.CachedBytes);
        Add("hakmem.memory.committed", "By", "Bytes that are readable and writable.", s => s.CommittedBytes);
        Add("hakmem.memory.dirty", "By", "Committed bytes that may have physical pages.", s => s.DirtyBytes);
        _meter.CreateObservableUpDownCounter(
            "hakmem.memory.resident", MeasureResident, "By", "Bytes of the heap in physical memory.");
        Add("hakmem.blocks.live", "{block}", "Blocks that callers hold.", s => s.LiveBlocks);
        Add("hakmem.superslabs.in_use", "{superslab}", "SuperSlabs (2 MiB) in use.", s => s.SuperSlabsInUse);
        Add("hakmem.superslabs.cached", "{superslab}", "Empty SuperSlabs kept for reuse.", s => s.SuperSlabsCached);
        Add("hakmem.thread_caches", "{cache}", "Caches of threads that use the heap.", s => s.ThreadCaches);
        Add("hakmem.memory.peak", "By", "The largest number of committed bytes so far.", s => s.PeakCommittedBytes);
        Add("hakmem.memory.records", "By", "Bytes of the allocator's records, of all heaps.", s => s.RecordBytes);
        Add("hakmem.memory.tables", "By", "Bytes charged for the address tables of all heaps.", s => s.TableBytes);
        AddCounter("hakmem.memory.purged", "By", "Bytes returned to the operating system.", s => s.PurgedBytes);
        AddCounter("hakmem.purge.calls", "{call}", "System calls that returned memory.", s => s.PurgeCalls);
        AddCounter("hakmem.system.calls", "{call}", "System calls that changed any heap's memory.", s => s.SystemCalls);
        AddSeconds("hakmem.system.time", "Time in these system calls.", s => s.SystemCallTime);
        AddCounter(
            "hakmem.depot.exchanges", "{exchange}", "Exchanges between thread caches and depots.",
            s => s.DepotExchanges);
        AddCounter("hakmem.depot.waits", "{exchange}", "Exchanges that waited for another thread.", s => s.DepotWaits);
        AddCounter(
            "hakmem.corruption.reports", "{report}", "Reports of misuse, of all heaps.", s => s.CorruptionReports);
        AddEstimate("hakmem.blocks.sampled", "{block}", "Allocations that profilers sampled.", s => s.SampledBlocks);
        AddEstimate(
            "hakmem.blocks.allocated", "{block}", "Blocks allocated while profiled, estimated.",
            s => s.AllocatedBlocks);
        AddEstimate(
            "hakmem.blocks.freed", "{block}", "Of these, blocks freed while profiled, estimated.", s => s.FreedBlocks);
        AddEstimate(
            "hakmem.memory.allocated", "By", "Bytes allocated while profiled, estimated.", s => s.AllocatedBytes);
        AddEstimate(
            "hakmem.memory.freed", "By", "Of these, bytes freed while profiled, estimated.", s => s.FreedBytes);
        AddCounter("hakmem.blocks.reaped", "{block}", "Free blocks taken out of thread caches.", s => s.ReapedBlocks);
        AddCounter(
            "hakmem.allocations.refused", "{allocation}", "Allocations that memory or a limit refused.",
            s => s.RefusedAllocations);
        AddLimit("hakmem.memory.limit", "By", "The most bytes that the heap may commit.", s => s.LimitBytes);
        AddTags("hakmem.tag.live", "By", "Bytes in blocks of a tag and the tags below it.", tag => tag.LiveBytes);
        AddCounter("hakmem.decay.failed_passes", "{pass}", "Decay passes that failed.", s => s.FailedDecayPasses);
    }

    // Of the next instrument.
    private uint NextBit()
    {
        ManagedMemory.Need();
        return 1u << _instruments++;
    }

    private void Add(string name, string unit, string description, Func<HakmemStatistics, long> figure)
    {
        uint bit = NextBit();
        _meter.CreateObservableUpDownCounter(name, () => Measure(bit, figure), unit, description);
    }

    // No measurement while there is no limit.
    private void AddLimit(string name, string unit, string description, Func<HakmemStatistics, long> figure)
    {
        uint bit = NextBit();
        _meter.CreateObservableUpDownCounter(
            name, () => Measure(bit, figure) is [{ Value: > 0 }] limit ? limit : [], unit, description);
    }

    // One measurement for each path, which is the attribute hakmem.tag. Several tags may have a path: one that is
    // disposed and has live blocks, and its successor.
    private void AddTags(string name, string unit, string description, Func<TagStatistics, long> figure)
    {
        uint bit = NextBit();
        _meter.CreateObservableUpDownCounter(name, () => MeasureTags(bit, figure), unit, description);
    }

    private void AddCounter(string name, string unit, string description, Func<HakmemStatistics, long> figure)
    {
        uint bit = NextBit();
        _meter.CreateObservableCounter(name, () => Measure(bit, figure), unit, description);
    }

    // No measurement before the heap's first sample.
    private void AddEstimate(string name, string unit, string description, Func<HakmemStatistics, long> figure)
    {
        uint bit = NextBit();
        _meter.CreateObservableCounter(name, () => MeasureEstimate(bit, figure), unit, description);
    }

    private void AddSeconds(string name, string description, Func<HakmemStatistics, TimeSpan> figure)
    {
        uint bit = NextBit();
        _meter.CreateObservableCounter(name, () => MeasureSeconds(bit, figure), "s", description);
    }

    private Measurement<double>[] MeasureSeconds(uint bit, Func<HakmemStatistics, TimeSpan> figure) =>
        Read(bit) is { } reading ? [new Measurement<double>(figure(reading).TotalSeconds, _tags)] : [];

    private Measurement<long>[] Measure(uint bit, Func<HakmemStatistics, long> figure) =>
        Read(bit) is { } reading ? [new Measurement<long>(figure(reading), _tags)] : [];

    private Measurement<long>[] MeasureEstimate(uint bit, Func<HakmemStatistics, long> figure) =>
        Read(bit) is { SampledBlocks: > 0 } reading ? [new Measurement<long>(figure(reading), _tags)] : [];

    // Not from the statistics: the system is asked. No measurement where it does not say.
    private Measurement<long>[] MeasureResident() =>
        _allocator.TryMeasureResidentBytes() is { } resident ? [new Measurement<long>(resident, _tags)] : [];

    private Measurement<long>[] MeasureTags(uint bit, Func<TagStatistics, long> figure) =>
        Read(bit) is { Tags: { Count: > 0 } tags }
            ? [.. tags.GroupBy(tag => tag.Path).Select(same => new Measurement<long>(
                same.Sum(figure), [.. _tags, new("hakmem.tag", same.Key)]))]
            : [];

    // Returns null once the heap is disposed. No lock is held during GetStatistics: it may throw, and an exception
    // handler may collect. Of two concurrent collections each takes a reading of its own.
    private HakmemStatistics? Read(uint bit) => TryReuse(bit) ?? TakeReading(bit);

    private HakmemStatistics? TryReuse(uint bit)
    {
        using (_lock.Enter())
        {
            if (_reading is null || (_answered & bit) != 0 || Environment.TickCount64 - _readAtMs > MaxAgeMs)
            {
                return null;
            }

            _answered |= bit;
            return _reading;
        }
    }

    private HakmemStatistics? TakeReading(uint bit)
    {
        HakmemStatistics? reading = null;
        try
        {
            reading = _allocator.GetStatistics();
        }
        catch (ObjectDisposedException)
        {
            // A disposed heap has no statistics; its instruments return no measurement.
        }

        using (_lock.Enter())
        {
            _reading = reading;
            _readAtMs = Environment.TickCount64;
            _answered = bit;
        }

        return reading;
    }
}
