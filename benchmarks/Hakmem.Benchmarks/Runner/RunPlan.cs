using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Runner;

/// <summary>What to measure: every workload with every subject that fits it and is there.</summary>
internal sealed class RunPlan
{
    private RunPlan(
        IReadOnlyList<(Workload Workload, IReadOnlyList<Subject> Subjects)> entries,
        IReadOnlyList<string> notes,
        int rounds,
        int roundsPerProcess)
    {
        Entries = entries;
        Notes = notes;
        Rounds = rounds;
        RoundsPerProcess = roundsPerProcess;
    }

    /// <summary>The workloads in order, each with its subjects.</summary>
    public IReadOnlyList<(Workload Workload, IReadOnlyList<Subject> Subjects)> Entries { get; }

    /// <summary>What is left out, and how to change that.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>
    /// Processes for each workload and subject, and as many with one worker where the workload has several.
    /// </summary>
    public int Rounds { get; }

    /// <summary>Timed rounds in each process.</summary>
    public int RoundsPerProcess { get; }

    /// <summary>Processes in all.</summary>
    public int ProcessCount => Rounds * Entries.Sum(
        entry => entry.Subjects.Count * (entry.Workload.WithOneWorker() is null ? 1 : 2));

    /// <summary>Draws up a plan.</summary>
    /// <param name="workloads">The workloads, in order.</param>
    /// <param name="peers">The peers; our own rows and the empty loop are always in.</param>
    /// <param name="rounds">Processes for each workload and subject.</param>
    /// <param name="roundsPerProcess">Timed rounds in each process.</param>
    public static RunPlan Create(
        IReadOnlyList<Workload> workloads, IReadOnlyList<Subject> peers, int rounds, int roundsPerProcess)
    {
        List<Subject> present = [];
        List<string> notes = [];
        foreach (Subject subject in SubjectCatalog.All.Where(s => s.Role is not (SubjectRole.Peer or SubjectRole.Variant) || peers.Contains(s)))
        {
            if (subject.HowToGet is { } howToGet)
            {
                notes.Add($"{subject.Name} is skipped: {howToGet}.");
            }
            else
            {
                present.Add(subject);
            }
        }

        (Workload, IReadOnlyList<Subject>)[] entries = [.. workloads.Select(workload =>
            (workload, (IReadOnlyList<Subject>)[.. present.Where(subject => subject.BodyOf(workload) is not null)]))];
        return new RunPlan(entries, notes, rounds, roundsPerProcess);
    }
}
