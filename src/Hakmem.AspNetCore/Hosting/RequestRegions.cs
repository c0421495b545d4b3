using System;
using System.Diagnostics.Metrics;
using System.Threading;

namespace Hakmem.AspNetCore.Hosting;

// Makes the regions of requests, from the heap of the container, and measures how large each was when its request had
// ended. One for each container. Thread-safe.
//
// A region that is in use when its request ends is disposed later, by a timer: nobody else would. That allocates
// nothing, so that no region is lost, and no exception ends the process, where managed memory is out.
internal sealed class RequestRegions
{
    public const string MeterName = "Hakmem.AspNetCore";
    public const string SizeName = "hakmem.request_region.size";
    public const string ActiveName = "hakmem.request_region.active";

    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(100);

    private readonly HakmemAllocator _heap;
    private readonly Histogram<long>? _sizes;

    private readonly ITimer _retry;

    // Regions of requests that have not ended. Interlocked.
    private long _active;

    // Those to be disposed later, a stack. Interlocked: whoever ends a request pushes, and the timer takes all.
    private RequestRegion? _late;

    // 1 from when the timer is set until it fires. Interlocked; written after a region was pushed, and cleared before
    // they are taken, so that none waits for a timer that is not set.
    private int _isRetrySet;

    // time: for tests.
    public RequestRegions(HakmemAllocator heap, IMeterFactory? meterFactory = null, TimeProvider? time = null)
    {
        _heap = heap;
        _retry = CreateTimer(time ?? TimeProvider.System);
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

    public void End(RequestRegion ended)
    {
        MemoryRegion region = ended.Region;
        long bytes = region.CommittedBytes;
        try
        {
            region.Dispose();
        }
        catch (InvalidOperationException inUse) when (IsInUse(inUse))
        {
            // Work that outlives the request is in a call of the region, against the rules. Its memory is freed when it
            // is not: nobody else will.
            Push(ended);
            throw;
        }
        finally
        {
            // Also for regions whose timer could not be set before.
            SetRetry();

            // Last, because listeners' code runs here.
            Interlocked.Decrement(ref _active);
            _sizes?.Record(bytes);
        }
    }

    // Without the context of the request that happens to be the first.
    private ITimer CreateTimer(TimeProvider time)
    {
        bool isFlowing = !ExecutionContext.IsFlowSuppressed();
        AsyncFlowControl flow = isFlowing ? ExecutionContext.SuppressFlow() : default;
        try
        {
            return time.CreateTimer(
                static regions => ((RequestRegions)regions!).DisposeLate(), this, Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
        }
        finally
        {
            if (isFlowing)
            {
                flow.Undo();
            }
        }
    }

    private void Push(RequestRegion late)
    {
        RequestRegion? first;
        do
        {
            first = Volatile.Read(ref _late);
            late.Next = first;
        }
        while (Interlocked.CompareExchange(ref _late, late, first) != first);
    }

    // Sets the timer if regions wait for it. One that is set is left alone: the ends of requests must not put it off.
    private void SetRetry()
    {
        if (Volatile.Read(ref _late) is null || Interlocked.Exchange(ref _isRetrySet, 1) != 0)
        {
            return;
        }

        bool isSet = false;
        try
        {
            isSet = _retry.Change(s_retry, Timeout.InfiniteTimeSpan);
        }
        catch (OutOfMemoryException)
        {
            // The end of the next request tries again.
        }

        if (!isSet)
        {
            Volatile.Write(ref _isRetrySet, 0);
        }
    }

    // On the timer's thread, where an exception ends the process.
    private void DisposeLate()
    {
        Interlocked.Exchange(ref _isRetrySet, 0);
        RequestRegion? late = Interlocked.Exchange(ref _late, null);
        while (late is not null)
        {
            RequestRegion? next = late.Next;
            if (!IsDisposed(late.Region))
            {
                Push(late);
            }

            late = next;
        }

        SetRetry();
    }

    private static bool IsDisposed(MemoryRegion region)
    {
        try
        {
            region.Dispose();
            return true;
        }
        catch (InvalidOperationException inUse) when (IsInUse(inUse))
        {
            return false;
        }
        catch (OutOfMemoryException)
        {
            // For that exception, perhaps.
            return false;
        }
        catch (HakmemCorruptionException)
        {
            // Everything was freed nevertheless, and the event source has told the finding.
            return true;
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

    // The next that is disposed later. Of RequestRegions.
    public RequestRegion? Next { get; set; }

    public void Dispose()
    {
        if (!_isEnded)
        {
            _isEnded = true;
            regions.End(this);
        }
    }
}
