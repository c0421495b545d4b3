using System;
using System.Diagnostics.Metrics;
using System.Threading;

namespace Hakmem.AspNetCore.Hosting;

// Makes the regions of requests, from the heap of the container, and measures how large each was when its request had
// ended. One for each container. Thread-safe.
internal sealed class RequestRegions
{
    public const string MeterName = "Hakmem.AspNetCore";
    public const string SizeName = "hakmem.request_region.size";
    public const string ActiveName = "hakmem.request_region.active";

    private readonly HakmemAllocator _heap;
    private readonly Histogram<long>? _sizes;

    // Regions of requests that have not ended. Interlocked.
    private long _active;

    public RequestRegions(HakmemAllocator heap, IMeterFactory? meterFactory = null)
    {
        _heap = heap;
        Meter? meter = meterFactory?.Create(new MeterOptions(MeterName));
        _sizes = meter?.CreateHistogram<long>(
            SizeName, "By", "Bytes that a request's region had taken when the request had ended.");
        meter?.CreateObservableUpDownCounter(
            ActiveName, () => Interlocked.Read(ref _active), "{region}", "Regions of requests that have not ended.");
    }

    public RequestRegion Create(MemoryRegionOptions? options)
    {
        RequestRegion created = new(this, _heap.CreateRegion(options));
        Interlocked.Increment(ref _active);
        return created;
    }

    public void End(MemoryRegion region)
    {
        Interlocked.Decrement(ref _active);
        _sizes?.Record(region.CommittedBytes);
        region.Dispose();
    }
}

// The region of one request: a feature of its HttpContext, which the response disposes when the request has ended. The
// server calls from one thread at a time.
internal sealed class RequestRegion(RequestRegions regions, MemoryRegion region) : IDisposable
{
    private bool _isEnded;

    public MemoryRegion Region => region;

    public void Dispose()
    {
        if (!_isEnded)
        {
            _isEnded = true;
            regions.End(region);
        }
    }
}
