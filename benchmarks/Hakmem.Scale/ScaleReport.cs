using System;
using System.Collections.Generic;
using System.Text.Json.Serialization;
using Hakmem.Scale.Counts;
using Hakmem.Scale.Model;

namespace Hakmem.Scale;

/// <summary>All that a run found out: the contents of a result file.</summary>
internal sealed record ScaleReport
{
    /// <summary>When it was made.</summary>
    public required DateTimeOffset Date { get; init; }

    /// <summary>The processor as the kernel names it.</summary>
    public required string Cpu { get; init; }

    /// <summary>Processors that the run could use.</summary>
    public required int ProcessorCount { get; init; }

    /// <summary>The .NET runtime.</summary>
    public required string Runtime { get; init; }

    /// <summary>What workloads with two threads did to locks and lines; null if they were not counted.</summary>
    public IReadOnlyList<RowCounts>? Counts { get; init; }

    /// <summary>What the model takes as given; null if it was not run.</summary>
    public Assumptions? Assumptions { get; init; }

    /// <summary>The measured parts of each scenario's paths, in nanoseconds.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>>? Costs { get; init; }

    /// <summary>What the model says.</summary>
    public IReadOnlyList<ModelPoint>? Model { get; init; }

    /// <summary>What it says of one queue under one lock.</summary>
    public IReadOnlyList<ModelPoint>? SingleQueue { get; init; }

    /// <summary>The model's scenarios on real threads.</summary>
    public IReadOnlyList<RealPoint>? Real { get; init; }

    /// <summary>The library's own rows on real threads.</summary>
    public IReadOnlyList<LibraryPoint>? Library { get; init; }
}

/// <summary>A scenario on real threads beside the model.</summary>
/// <param name="Scenario">The scenario's name.</param>
/// <param name="Threads">The threads, each on a processor.</param>
/// <param name="MillionsPerSecond">Millions of blocks that were allocated and freed in a second.</param>
/// <param name="ModelMillionsPerSecond">What the model says with the costs of this machine.</param>
/// <param name="Measured">These costs, measured at the same time: a virtual machine's processors may share a core, or
/// not.</param>
internal sealed record RealPoint(
    string Scenario, int Threads, double MillionsPerSecond, double ModelMillionsPerSecond, Assumptions Measured);

/// <summary>A row of the benchmarks with some number of workers.</summary>
/// <param name="Workload">The workload's name.</param>
/// <param name="Workers">The threads that worked at once.</param>
/// <param name="Nanoseconds">Wall time over all workers' operations, in the fastest round.</param>
/// <param name="SpeedUp">How many times the operations of one worker all did in the same time.</param>
internal sealed record LibraryPoint(string Workload, int Workers, double Nanoseconds, double SpeedUp);

/// <summary>The serializers.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ScaleReport))]
[JsonSerializable(typeof(ModelPoint))]
[JsonSerializable(typeof(ModelOrder))]
internal sealed partial class ScaleJsonContext : JsonSerializerContext;
