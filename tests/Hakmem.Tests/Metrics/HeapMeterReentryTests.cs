using System;
using System.Diagnostics.Metrics;
using System.Runtime.ExceptionServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Metrics;

// A collection in a handler that runs where the heap says that it is disposed.
[Collection(MeterReader.Collection)]
public sealed class HeapMeterReentryTests
{
    [Fact]
    public void ReadingOfDisposedHeapThrowsUnderNoLock() => Workers.RunOne(() =>
    {
        string name = Guid.NewGuid().ToString();
        using HakmemAllocator heap = new();
        using IDisposable registration = HakmemMetrics.Register(heap, name);
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == HakmemMetrics.MeterName)
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.Start();
        heap.Dispose();
        int thread = Environment.CurrentManagedThreadId;
        bool hasSeen = false;
        Exception? failure = null;
        AppDomain.CurrentDomain.FirstChanceException += OnThrow;
        try
        {
            listener.RecordObservableInstruments();
        }
        finally
        {
            AppDomain.CurrentDomain.FirstChanceException -= OnThrow;
        }

        Assert.Null(failure);

        void OnThrow(object? sender, FirstChanceExceptionEventArgs e)
        {
            if (Environment.CurrentManagedThreadId == thread && !hasSeen)
            {
                hasSeen = true;
                failure = Record.Exception(listener.RecordObservableInstruments);
            }
        }
    });
}
