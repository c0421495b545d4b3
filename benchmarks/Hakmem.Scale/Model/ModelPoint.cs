using System.Collections.Generic;

namespace Hakmem.Scale.Model;

/// <summary>A scenario's throughput on a number of processors.</summary>
internal sealed record ModelPoint
{
    /// <summary>The scenario's name.</summary>
    public required string Scenario { get; init; }

    /// <summary>Processors.</summary>
    public required int Processors { get; init; }

    /// <summary>Millions of blocks that were allocated and freed in a second.</summary>
    public required double MillionsPerSecond { get; init; }

    /// <summary>What the processors waited for, in per cent of their time, by the kind of lock.</summary>
    public required Dictionary<string, double> WaitedPercent { get; init; }

    /// <summary>
    /// Throughput for each processor, in per cent of that at which a scenario is whole: one processor, or, in a
    /// hand-over, a producer's and a consumer's. Null on fewer.
    /// </summary>
    public double? PercentOfIdeal { get; init; }

    /// <summary>The same in per cent of one processor, on which a hand-over moves no cache line.</summary>
    public double PercentOfOne { get; init; }
}
