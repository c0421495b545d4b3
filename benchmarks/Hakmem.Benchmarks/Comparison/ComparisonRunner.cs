using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Comparison;

/// <summary>Measures both builds by turns, one process at a time.</summary>
/// <remarks>
/// The builds change places in every turn (base, current, current, base, ...), so that a machine which becomes slower
/// or faster meanwhile treats them alike.
/// </remarks>
/// <param name="rows">What to measure.</param>
/// <param name="turns">Processes of each build for each row.</param>
/// <param name="measure">
/// Measures one row in one build; throws <see cref="MeasuringFailedException"/> where it cannot.
/// </param>
internal sealed class ComparisonRunner(
    IReadOnlyList<(Workload Workload, Subject Subject)> rows,
    int turns,
    Func<ComparedBuild, Workload, Subject, Measurement> measure)
{
    /// <summary>The rows of some workloads with some subjects: the pairs that fit each other.</summary>
    public static IReadOnlyList<(Workload Workload, Subject Subject)> RowsOf(
        IEnumerable<Workload> workloads, IReadOnlyCollection<Subject> subjects) =>
        [
            .. workloads.SelectMany(
                workload => subjects.Where(subject => subject.BodyOf(workload) is not null),
                (workload, subject) => (workload, subject)),
        ];

    /// <summary>The builds in the order of a turn, counted from zero.</summary>
    public static ComparedBuild[] OrderOf(int turn) => turn % 2 == 0
        ? [ComparedBuild.Base, ComparedBuild.Current]
        : [ComparedBuild.Current, ComparedBuild.Base];

    /// <summary>Measures all rows; one that fails is left out from then on.</summary>
    /// <param name="onRowStarting">Told before each row what it is.</param>
    public ComparisonResults Run(Action<Workload, Subject> onRowStarting)
    {
        List<ComparisonRow> measured = [];
        List<string> failures = [];
        foreach ((Workload workload, Subject subject) in rows)
        {
            onRowStarting(workload, subject);
            Dictionary<ComparedBuild, List<Measurement>> processes =
                new() { [ComparedBuild.Base] = [], [ComparedBuild.Current] = [] };
            if (Measure(workload, subject, processes) is { } failure)
            {
                failures.Add(failure);
            }
            else
            {
                measured.Add(ComparisonRow.From(
                    workload.Name, subject.Name, processes[ComparedBuild.Base], processes[ComparedBuild.Current]));
            }
        }

        return new ComparisonResults(measured, failures);
    }

    private string? Measure(Workload workload, Subject subject, Dictionary<ComparedBuild, List<Measurement>> processes)
    {
        foreach (ComparedBuild build in Enumerable.Range(0, turns).SelectMany(OrderOf))
        {
            try
            {
                processes[build].Add(measure(build, workload, subject));
            }
            catch (MeasuringFailedException failure)
            {
                string name = build == ComparedBuild.Base ? "base" : "current build";
                return $"{workload.Name} with {subject.Name} failed in the {name}: {failure.Message}.";
            }
        }

        return null;
    }
}
