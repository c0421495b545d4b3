using System;
using System.Diagnostics.Metrics;
using System.Threading;
using System.Threading.Tasks;

namespace Hakmem.AspNetCore.Hosting;

// Makes the regions of requests, from the heap of the container, and measures how large each was when its request had
// ended. One for each container. Thread-safe.
internal sealed class RequestRegions
{
    public const string MeterName = "Hakmem.AspNetCore";
    public const string SizeName = "hakmem.request_region.size";
    public const string ActiveName = "hakmem.request_region.active";

    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(100);

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
        long bytes = region.CommittedBytes;
        try
        {
            region.Dispose();
        }
        catch (InvalidOperationException inUse) when (IsInUse(inUse))
        {
            // Work that outlives the request is in a call of the region, against the rules. Its memory is freed when it
            // is not: nobody else will.
            ThreadPool.UnsafeQueueUserWorkItem(static late => DisposeLate(late), region, preferLocal: false);
            throw;
        }
        finally
        {
            // Last, because listeners' code runs here.
            Interlocked.Decrement(ref _active);
            _sizes?.Record(bytes);
        }
    }

    private static async void DisposeLate(MemoryRegion region)
    {
        bool isDone = false;
        while (!isDone)
        {
            await Task.Delay(s_retry).ConfigureAwait(false);
            try
            {
                region.Dispose();
                isDone = true;
            }
            catch (InvalidOperationException inUse) when (IsInUse(inUse))
            {
            }
            catch (HakmemCorruptionException)
            {
                // Everything was freed nevertheless, and the event source has told the finding.
                isDone = true;
            }
        }
    }

    // The region's own answer, and not that of a type below the exception's.
    private static bool IsInUse(InvalidOperationException failure) =>
        failure.GetType() == typeof(InvalidOperationException);
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
