using System.Collections.Generic;
using Hakmem.Benchmarks.Runner;

namespace Hakmem.Benchmarks.Latency;

/// <summary>Everything a latency run found: what <c>--json</c> writes.</summary>
internal sealed record LatencyResults
{
    /// <summary>Where it was measured.</summary>
    public required BenchmarkEnvironment Environment { get; init; }

    /// <summary>Processes for each pattern and subject.</summary>
    public required int Rounds { get; init; }

    /// <summary>The rows.</summary>
    public required IReadOnlyList<LatencyRow> Rows { get; init; }

    /// <summary>What was left out or went wrong.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}
