using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Threading;

namespace Hakmem.WebService;

// How large the regions of requests were, as the meter Hakmem.AspNetCore says. Any metrics exporter gets these figures;
// this keeps a few for the page.
internal sealed class RequestRegionSizes : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();

    // Guarded by _lock.
    private RequestRegionReport _report = new(0, 0, 0, 0);

    // meters: the service's own; another service of the process has others of the same name.
    public RequestRegionSizes(IMeterFactory meters)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "hakmem.request_region.size" && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>(OnEnd);
        _listener.Start();
    }

    public RequestRegionReport Report
    {
        get
        {
            lock (_lock)
            {
                return _report;
            }
        }
    }

    public void Dispose() => _listener.Dispose();

    private void OnEnd(
        Instrument instrument, long bytes, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        lock (_lock)
        {
            _report = new RequestRegionReport(
                _report.Count + 1, bytes, Math.Max(_report.MostBytes, bytes), _report.TotalBytes + bytes);
        }
    }
}

// The regions of the requests that have ended: how many, the bytes of the last one, of the largest, and of all
// together.
internal sealed record RequestRegionReport(long Count, long LastBytes, long MostBytes, long TotalBytes);
