using System;
using System.Collections.Generic;
using System.Diagnostics.Metrics;
using System.Linq;

namespace Hakmem.Tests.Support;

// Listens to the instruments of the meter `Hakmem`, of one heap or pool by its name in the attributes: other tests may
// publish theirs at the same time.
//
// Listeners share a heap's readings for a moment (see HeapMeter), so classes that listen to this meter run one after
// the other: [Collection(MeterReader.Collection)].
internal sealed class MeterReader : IDisposable
{
    public const string Collection = "listeners of the meter Hakmem";

    private readonly MeterListener _listener = new();
    private readonly List<Measured> _measured = [];

    public MeterReader(string name)
    {
        _listener.InstrumentPublished = static (instrument, listener) =>
        {
            if (instrument.Meter.Name == HakmemMetrics.MeterName)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            Dictionary<string, object?> attributes = tags.ToArray().ToDictionary();
            if (attributes.ContainsValue(name))
            {
                _measured.Add(new Measured(instrument.Name, instrument.Unit, value, attributes));
            }
        });
        _listener.Start();
    }

    public void Dispose() => _listener.Dispose();

    // One collection.
    public IReadOnlyList<Measured> Read()
    {
        _measured.Clear();
        _listener.RecordObservableInstruments();
        return [.. _measured];
    }

    // The same by the instruments' names, each of which must have one measurement.
    public Dictionary<string, long> ReadByName() => Read().ToDictionary(each => each.Name, each => each.Value);

    public sealed record Measured(
        string Name, string? Unit, long Value, IReadOnlyDictionary<string, object?> Attributes);
}
