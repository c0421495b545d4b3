using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json.Serialization;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Runner;

/// <summary>One workload with one subject over all rounds: the fastest process's time, the largest memory of any.</summary>
/// <remarks>
/// Time has a floor that noise only ever raises, so the minimum is the estimate that repeats. Memory has no such floor; the
/// largest figure is the one that a machine has to have room for. Where threads share cache lines, the addresses that a
/// process happens to get decide its time too: the slowest process is in the row beside the fastest.
/// </remarks>
internal sealed record ResultRow
{
    /// <summary>The workload's name.</summary>
    public required string Workload { get; init; }

    /// <summary>The subject's name.</summary>
    public required string Subject { get; init; }

    /// <summary>What the subject is compared as.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<SubjectRole>))]
    public required SubjectRole Role { get; init; }

    /// <summary>Nanoseconds an operation.</summary>
    public required double Nanoseconds { get; init; }

    /// <summary>Nanoseconds an operation in the fastest round of the slowest process.</summary>
    public double SlowestNanoseconds => Processes.Max(process => process.Nanoseconds);

    /// <summary>
    /// Nanoseconds an operation with one worker, which did what each of several did; null where there are no such
    /// processes.
    /// </summary>
    public double? OneWorkerNanoseconds => OneWorkerProcesses?.Min(process => process.Nanoseconds);

    /// <summary>
    /// How many times the operations of one worker all workers did in the same time: at best their number. Null where
    /// there is no time of one worker.
    /// </summary>
    public double? SpeedUp => OneWorkerNanoseconds / Nanoseconds;

    /// <summary>This row's time over the fastest peer's, or null where there is no peer.</summary>
    public double? RatioToBestPeer { get; init; }

    /// <summary>Operations a second.</summary>
    public double OperationsPerSecond => 1e9 / Nanoseconds;

    /// <summary>Minor faults in the fastest round.</summary>
    public required long? MinorFaults { get; init; }

    /// <summary>Resident bytes before the workload ran.</summary>
    public required long StartResidentBytes { get; init; }

    /// <summary>The most bytes resident at once.</summary>
    public required long PeakResidentBytes { get; init; }

    /// <summary>Resident bytes after everything was freed.</summary>
    public required long EndResidentBytes { get; init; }

    /// <summary>What live blocks kept at worst, in a workload that measures this.</summary>
    public TailFigures? Tail { get; init; }

    /// <summary>What live blocks kept at worst where a traced program paused, in a workload that replays one.</summary>
    public QuietFigures? Quiet { get; init; }

    /// <summary>Every process's own result.</summary>
    public required IReadOnlyList<Measurement> Processes { get; init; }

    /// <summary>
    /// The results of the processes with one worker, or null where there are none: the workload does not have several,
    /// they all failed, or an earlier version wrote the row.
    /// </summary>
    public IReadOnlyList<Measurement>? OneWorkerProcesses { get; init; }

    /// <summary>Sums one subject's processes up.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="processes">What its processes measured; at least one.</param>
    /// <param name="oneWorkerProcesses">What its processes with one worker measured; null or at least one.</param>
    public static ResultRow From(
        Subject subject,
        IReadOnlyList<Measurement> processes,
        IReadOnlyList<Measurement>? oneWorkerProcesses = null)
    {
        Measurement fastest = processes.MinBy(process => process.Nanoseconds)
            ?? throw new ArgumentException("There is no measurement.", nameof(processes));
        return new ResultRow
        {
            Workload = fastest.Workload,
            Subject = fastest.Subject,
            Role = subject.Role,
            Nanoseconds = fastest.Nanoseconds,
            MinorFaults = fastest.MinorFaults,
            StartResidentBytes = processes.Max(process => process.StartResidentBytes),
            PeakResidentBytes = processes.Max(process => process.PeakResidentBytes),
            EndResidentBytes = processes.Max(process => process.EndResidentBytes),
            Tail = processes.Select(process => process.Tail).MaxBy(tail => tail?.ResidentOverLive),
            Quiet = processes.Select(process => process.Quiet).MaxBy(quiet => quiet?.MeanResidentOverLive),
            Processes = processes,
            OneWorkerProcesses = oneWorkerProcesses,
        };
    }
}
