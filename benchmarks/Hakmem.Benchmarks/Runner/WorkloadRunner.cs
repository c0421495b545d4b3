using System;
using System.Collections.Generic;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Runner;

/// <summary>Carries a plan out, one measuring process at a time.</summary>
/// <remarks>
/// Subjects take turns within a workload instead of doing all their rounds at once: a minute in which the machine was slow then
/// costs each of them a round and none of them its result.
/// </remarks>
internal sealed class WorkloadRunner
{
    private const double QuietLoadAverage = 0.5;

    private readonly RunPlan _plan;
    private readonly List<ResultRow> _rows = [];
    private readonly List<string> _notes;

    public WorkloadRunner(RunPlan plan)
    {
        _plan = plan;
        _notes = [.. plan.Notes];
    }

    /// <summary>Runs everything.</summary>
    /// <param name="environment">Where this is.</param>
    /// <param name="onProcessStarting">Told before each process what it will measure.</param>
    public ResultSet Run(BenchmarkEnvironment environment, Action<Workload, Subject> onProcessStarting)
    {
        if (environment.LoadAverage > QuietLoadAverage)
        {
            _notes.Add($"Other programs were running (load average {environment.LoadAverage}): do not trust rows with several threads.");
        }

        foreach ((Workload workload, IReadOnlyList<Subject> subjects) in _plan.Entries)
        {
            RunWorkload(workload, subjects, onProcessStarting);
        }

        return new ResultSet
        {
            Environment = environment,
            Rounds = _plan.Rounds,
            Rows = ResultSet.WithRatios(_rows),
            Notes = _notes,
        };
    }

    private void RunWorkload(Workload workload, IReadOnlyList<Subject> subjects, Action<Workload, Subject> onProcessStarting)
    {
        Dictionary<Subject, List<Measurement>> results = [];
        for (int round = 0; round < _plan.Rounds; round++)
        {
            foreach (Subject subject in subjects)
            {
                onProcessStarting(workload, subject);
                Measure(workload, subject, results);
            }
        }

        foreach (Subject subject in subjects)
        {
            if (results.TryGetValue(subject, out List<Measurement>? processes))
            {
                _rows.Add(ResultRow.From(subject, processes));
            }
        }
    }

    private void Measure(Workload workload, Subject subject, Dictionary<Subject, List<Measurement>> results)
    {
        try
        {
            Measurement measurement = MeasuringProcess.Run(workload, subject, _plan.RoundsPerProcess);
            if (!results.TryGetValue(subject, out List<Measurement>? processes))
            {
                results.Add(subject, processes = []);
            }

            processes.Add(measurement);
        }
        catch (MeasuringFailedException failure)
        {
            _notes.Add($"{workload.Name} with {subject.Name} failed: {failure.Message}.");
        }
    }
}
