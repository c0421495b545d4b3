using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Runner;

/// <summary>All of a run's results, and what it could not do.</summary>
internal sealed record ResultSet
{
    /// <summary>Where and when.</summary>
    public required BenchmarkEnvironment Environment { get; init; }

    /// <summary>Processes a row.</summary>
    public required int Rounds { get; init; }

    /// <summary>The rows in the order of the catalogs.</summary>
    public required IReadOnlyList<ResultRow> Rows { get; init; }

    /// <summary>What was skipped or went wrong, a sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Fills in the rows' ratios, each to the fastest peer of its own workload.</summary>
    public static IReadOnlyList<ResultRow> WithRatios(IReadOnlyList<ResultRow> rows)
    {
        Dictionary<string, double> bestPeers = rows
            .Where(row => row.Role == SubjectRole.Peer)
            .GroupBy(row => row.Workload)
            .ToDictionary(group => group.Key, group => group.Min(row => row.Nanoseconds));
        return [.. rows.Select(row => bestPeers.TryGetValue(row.Workload, out double best)
            ? row with { RatioToBestPeer = row.Nanoseconds / best }
            : row)];
    }

    /// <summary>
    /// The geometric mean of Hakmem's ratios to the best peer of each workload, or null when there are none: half as slow here
    /// and twice as slow there come out as even, which an arithmetic mean of ratios would not say.
    /// </summary>
    public double? GeometricMeanRatio()
    {
        double[] logarithms = [.. Rows
            .Where(row => row.Subject == SubjectCatalog.Hakmem && row.RatioToBestPeer is not null)
            .Select(row => Math.Log(row.RatioToBestPeer!.Value))];
        return logarithms.Length == 0 ? null : Math.Exp(logarithms.Average());
    }
}
