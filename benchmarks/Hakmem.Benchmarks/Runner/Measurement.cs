using System.Collections.Generic;

namespace Hakmem.Benchmarks.Runner;

/// <summary>What one measuring process found out: the line it prints, and one round of a row.</summary>
internal sealed record Measurement
{
    /// <summary>The workload's name.</summary>
    public required string Workload { get; init; }

    /// <summary>The subject's name.</summary>
    public required string Subject { get; init; }

    /// <summary>
    /// The threads that worked at once (see <see cref="Workloads.Workload.WorkerCount"/>); null from programs that did
    /// not say it.
    /// </summary>
    public int? WorkerCount { get; init; }

    /// <summary>Operations in each timed round.</summary>
    public required long Operations { get; init; }

    /// <summary>Nanoseconds an operation, wall time over all threads' operations, for each timed round in turn.</summary>
    public required IReadOnlyList<double> RoundNanoseconds { get; init; }

    /// <summary>The fastest round's nanoseconds an operation.</summary>
    public required double Nanoseconds { get; init; }

    /// <summary>Minor page faults of the whole process in the fastest round; null where the system does not count them.</summary>
    public required long? MinorFaults { get; init; }

    /// <summary>Resident bytes before the workload was first called: the runtime itself.</summary>
    public required long StartResidentBytes { get; init; }

    /// <summary>The most bytes that were ever resident.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>Resident bytes after the last round, when the workload has freed everything.</summary>
    public required long EndResidentBytes { get; init; }

    /// <summary>What live blocks kept, in a workload that measures this.</summary>
    public TailFigures? Tail { get; init; }

    /// <summary>What live blocks kept where a traced program paused, in a workload that replays one.</summary>
    public QuietFigures? Quiet { get; init; }
}
