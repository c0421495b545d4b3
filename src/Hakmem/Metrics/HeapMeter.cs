using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Metrics;

// One heap's instruments, on a meter of their own, so that disposing it takes them away and no other heap's.
//
// A listener asks one instrument after the other. They share a reading, so that a collection costs one GetStatistics and its figures are of one
// moment: the reading is taken anew when an instrument is asked that was already answered from it, or when it has become old, which is what
// happens with a listener that has chosen few of them.
internal sealed class HeapMeter : IDisposable
{
    private const long MaxAgeMs = 200;

    private readonly HakmemAllocator _allocator;
    private readonly KeyValuePair<string, object?>[] _tags;
    private readonly Meter _meter = new(HakmemMetrics.MeterName, typeof(HeapMeter).Assembly.GetName().Version?.ToString(3));
    private readonly UninterruptibleLock _lock = new();
    private int _instruments;

    // Guarded by _lock: the reading, when it was taken, and which instruments were answered from it, a bit for each.
    private HakmemStatistics? _reading;
    private long _readAtMs;
    private uint _answered;

    public HeapMeter(HakmemAllocator allocator, string heapName)
    {
        _allocator = allocator;
        _tags = [new("hakmem.heap", heapName)];
        Add("hakmem.memory.live", "By", "Bytes in blocks that callers hold.", figures => figures.LiveBytes);
        Add("hakmem.memory.cached", "By", "Bytes in free blocks in thread caches and depots.", figures => figures.CachedBytes);
        Add("hakmem.memory.committed", "By", "Bytes that are readable and writable.", figures => figures.CommittedBytes);
        Add("hakmem.memory.dirty", "By", "Committed bytes that may hold physical pages.", figures => figures.DirtyBytes);
        Add("hakmem.blocks.live", "{block}", "Blocks that callers hold.", figures => figures.LiveBlocks);
        Add("hakmem.superslabs.in_use", "{superslab}", "SuperSlabs (2 MiB) that hold something.", figures => figures.SuperSlabsInUse);
        Add("hakmem.superslabs.cached", "{superslab}", "Empty SuperSlabs (2 MiB) kept for reuse.", figures => figures.SuperSlabsCached);
        Add("hakmem.thread_caches", "{cache}", "Caches of threads that use the heap.", figures => figures.ThreadCaches);
        AddCounter("hakmem.decay.failed_looks", "{look}", "Looks of the decay that failed.", figures => figures.FailedDecayLooks);
    }

    public void Dispose() => _meter.Dispose();

    private void Add(string name, string unit, string description, Func<HakmemStatistics, long> figure)
    {
        uint bit = 1u << _instruments++;
        _meter.CreateObservableUpDownCounter(name, () => Measure(bit, figure), unit, description);
    }

    private void AddCounter(string name, string unit, string description, Func<HakmemStatistics, long> figure)
    {
        uint bit = 1u << _instruments++;
        _meter.CreateObservableCounter(name, () => Measure(bit, figure), unit, description);
    }

    private Measurement<long>[] Measure(uint bit, Func<HakmemStatistics, long> figure) =>
        Read(bit) is { } reading ? [new Measurement<long>(figure(reading), _tags)] : [];

    // Null once the heap is disposed. The heap is asked under no lock: it may throw, and a handler of that may collect.
    // Where two collect at once, either reads for itself.
    private HakmemStatistics? Read(uint bit) => TryReuse(bit) ?? ReadAnew(bit);

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

    private HakmemStatistics? ReadAnew(uint bit)
    {
        HakmemStatistics? reading = null;
        try
        {
            reading = _allocator.GetStatistics();
        }
        catch (ObjectDisposedException)
        {
            // Nothing to measure any more.
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
