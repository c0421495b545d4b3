using System;
using System.Collections.Generic;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.Runner;

/// <summary>Carries a plan out, one measuring process at a time.</summary>
/// <remarks>
/// Subjects take turns within a workload instead of doing all their rounds at once: a minute in which the machine was slow then
/// costs each of them a round and none of them its result. A workload's form with one worker takes turns with them.
/// </remarks>
/// <param name="plan">What to measure.</param>
/// <param name="measure">
/// Measures one workload with one subject; throws <see cref="MeasuringFailedException"/> where it cannot.
/// </param>
internal sealed class WorkloadRunner(RunPlan plan, Func<Workload, Subject, Measurement> measure)
{
    private const double QuietLoadAverage = 0.5;

    private readonly List<ResultRow> _rows = [];
    private readonly List<string> _notes = [.. plan.Notes];

    /// <summary>Runs everything.</summary>
    /// <param name="environment">Where this is.</param>
    /// <param name="onProcessStarting">Told before each process what it will measure.</param>
    public ResultSet Run(BenchmarkEnvironment environment, Action<Workload, Subject> onProcessStarting)
    {
        if (environment.LoadAverage > QuietLoadAverage)
        {
            _notes.Add($"Other programs were running (load average {environment.LoadAverage}): do not trust rows with several threads.");
        }

        foreach ((Workload workload, IReadOnlyList<Subject> subjects) in plan.Entries)
        {
            RunWorkload(workload, subjects, onProcessStarting);
        }

        return new ResultSet
        {
            Environment = environment,
            Rounds = plan.Rounds,
            Rows = ResultSet.WithRatios(_rows),
            Notes = _notes,
        };
    }

    private void RunWorkload(Workload workload, IReadOnlyList<Subject> subjects, Action<Workload, Subject> onProcessStarting)
    {
        Workload? oneWorker = workload.WithOneWorker();
        Workload[] forms = oneWorker is null ? [workload] : [workload, oneWorker];
        Dictionary<(Workload, Subject), List<Measurement>> results = [];
        for (int round = 0; round < plan.Rounds; round++)
        {
            foreach (Subject subject in subjects)
            {
                foreach (Workload form in forms)
                {
                    onProcessStarting(form, subject);
                    if (Measure(form, subject, results) is { } failure)
                    {
                        string workers = form == workload ? "" : " and one worker";
                        _notes.Add($"{workload.Name} with {subject.Name}{workers} failed: {failure}.");
                    }
                }
            }
        }

        foreach (Subject subject in subjects)
        {
            if (results.TryGetValue((workload, subject), out List<Measurement>? processes))
            {
                List<Measurement>? alone = oneWorker is null ? null : results.GetValueOrDefault((oneWorker, subject));
                _rows.Add(ResultRow.From(subject, processes, alone));
            }
        }
    }

    // Returns why there is no measurement, or null.
    private string? Measure(
        Workload workload, Subject subject, Dictionary<(Workload, Subject), List<Measurement>> results)
    {
        try
        {
            Measurement measurement = measure(workload, subject);
            if (!results.TryGetValue((workload, subject), out List<Measurement>? processes))
            {
                results.Add((workload, subject), processes = []);
            }

            processes.Add(measurement);
            return null;
        }
        catch (MeasuringFailedException failure)
        {
            return failure.Message;
        }
    }
}
