using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Benchmarks.Latency;

/// <summary>How long one subject's calls of one kind took in one pattern. Durations in nanoseconds, timestamps included.</summary>
internal sealed record LatencyRow
{
    /// <summary>The pattern's name.</summary>
    public required string Pattern { get; init; }

    /// <summary>The subject's name.</summary>
    public required string Subject { get; init; }

    /// <summary>The kind of call: rent or return.</summary>
    public required string Call { get; init; }

    /// <summary>How many calls in each process.</summary>
    public required long Count { get; init; }

    /// <summary>Half of the calls took no longer.</summary>
    public required long P50 { get; init; }

    /// <summary>All but one in a hundred took no longer.</summary>
    public required long P99 { get; init; }

    /// <summary>All but one in a thousand took no longer.</summary>
    public required long P999 { get; init; }

    /// <summary>All but one in ten thousand took no longer.</summary>
    public required long P9999 { get; init; }

    /// <summary>The longest.</summary>
    public required long Maximum { get; init; }

    /// <summary>Sums a histogram up.</summary>
    public static LatencyRow From(string pattern, string subject, string call, LatencyHistogram histogram) => new()
    {
        Pattern = pattern,
        Subject = subject,
        Call = call,
        Count = histogram.Count,
        P50 = histogram.Percentile(0.5),
        P99 = histogram.Percentile(0.99),
        P999 = histogram.Percentile(0.999),
        P9999 = histogram.Percentile(0.9999),
        Maximum = histogram.Maximum,
    };

    /// <summary>
    /// Several processes' rows as one: the least of each column, because what else happens on the machine only ever adds, and the same
    /// interrupt does not come at the same call in all of them.
    /// </summary>
    public static LatencyRow Least(IReadOnlyList<LatencyRow> rows) => rows[0] with
    {
        P50 = rows.Min(row => row.P50),
        P99 = rows.Min(row => row.P99),
        P999 = rows.Min(row => row.P999),
        P9999 = rows.Min(row => row.P9999),
        Maximum = rows.Min(row => row.Maximum),
    };
}
