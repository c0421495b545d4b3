using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Runner;

/// <summary>What to measure: every workload with every subject that fits it and is there.</summary>
internal sealed class RunPlan
{
    private RunPlan(
        IReadOnlyList<(Workload Workload, IReadOnlyList<Subject> Subjects)> entries, IReadOnlyList<string> notes, int rounds, int roundsPerProcess)
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

    /// <summary>Processes for each workload and subject.</summary>
    public int Rounds { get; }

    /// <summary>Timed rounds in each process.</summary>
    public int RoundsPerProcess { get; }

    /// <summary>Processes in all.</summary>
    public int ProcessCount => Rounds * Entries.Sum(entry => entry.Subjects.Count);

    /// <summary>Draws up a plan.</summary>
    /// <param name="workloadNames">The workloads, or none for all.</param>
    /// <param name="peerNames">The peers, or none for all; our own rows and the empty loop are always in.</param>
    /// <param name="rounds">Processes for each workload and subject.</param>
    /// <param name="roundsPerProcess">Timed rounds in each process.</param>
    /// <exception cref="System.ArgumentException">A name is unknown.</exception>
    public static RunPlan Create(
        IReadOnlyCollection<string> workloadNames, IReadOnlyCollection<string> peerNames, int rounds, int roundsPerProcess)
    {
        IEnumerable<Workload> workloads = workloadNames.Count == 0 ? WorkloadCatalog.All : workloadNames.Select(WorkloadCatalog.Find);
        HashSet<Subject> wantedPeers = [.. peerNames.Count == 0 ? SubjectCatalog.All : peerNames.Select(SubjectCatalog.Find)];
        List<Subject> present = [];
        List<string> notes = [];
        foreach (Subject subject in SubjectCatalog.All.Where(s => s.Role != SubjectRole.Peer || wantedPeers.Contains(s)))
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
