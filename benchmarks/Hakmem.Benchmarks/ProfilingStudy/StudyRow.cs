using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>One scenario with one subject in one configuration: all its processes.</summary>
internal sealed record StudyRow
{
    /// <summary>The scenario's name.</summary>
    public required string Scenario { get; init; }

    /// <summary>The subject's name.</summary>
    public required string Subject { get; init; }

    /// <summary>The configuration's name.</summary>
    public required string Configuration { get; init; }

    /// <summary>The processes that nothing watched.</summary>
    public required IReadOnlyList<StudyMeasurement> Timed { get; init; }

    /// <summary>The profiled ones.</summary>
    public required IReadOnlyList<StudyMeasurement> Profiled { get; init; }

    /// <summary>Nanoseconds an operation.</summary>
    public Spread Nanoseconds => Of(process => process.Nanoseconds);

    /// <summary>Operations a second.</summary>
    public Spread Rate => Of(process => 1e9 / process.Nanoseconds);

    /// <summary>A figure of the processes that nothing watched.</summary>
    public Spread Of(Func<StudyMeasurement, double> figure) => Spread.Of(Timed.Select(figure));

    /// <summary>A figure of the profiled processes; null if there is none or it is not available.</summary>
    public Spread? OfProfile(Func<StudyProfile, double?> figure)
    {
        double[] figures = [.. Profiled.Select(process => figure(process.Profile!)).OfType<double>()];
        return figures.Length == 0 ? null : Spread.Of(figures);
    }
}
