using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Latency;

/// <summary>Measures every pattern with every subject, one process at a time; subjects take turns, as in <see cref="WorkloadRunner"/>.</summary>
internal sealed class LatencyRunner(IReadOnlyList<Subject> subjects, int rounds, long calls, int warmUpBursts, List<string> notes)
{
    private readonly List<LatencyRow> _rows = [];

    /// <summary>Runs everything.</summary>
    /// <param name="environment">Where this is.</param>
    /// <param name="onProcessStarting">Told before each process what it will measure.</param>
    public LatencyResults Run(BenchmarkEnvironment environment, Action<string, string> onProcessStarting)
    {
        foreach (LatencyPattern pattern in LatencyCatalog.All)
        {
            Dictionary<Subject, List<LatencyRow>> results = subjects.ToDictionary(subject => subject, _ => new List<LatencyRow>());
            for (int round = 0; round < rounds; round++)
            {
                foreach (Subject subject in subjects)
                {
                    onProcessStarting(pattern.Name, subject.Name);
                    Measure(pattern, subject, results[subject]);
                }
            }

            _rows.AddRange(subjects.SelectMany(subject => results[subject].GroupBy(row => row.Call).Select(group => LatencyRow.Least([.. group]))));
        }

        return new LatencyResults { Environment = environment, Rounds = rounds, Rows = _rows, Notes = notes };
    }

    private void Measure(LatencyPattern pattern, Subject subject, List<LatencyRow> rows)
    {
        try
        {
            string output = MeasuringProcess.RunChild(LatencyOneCommand.Arguments(pattern, subject, calls, warmUpBursts), subject);
            rows.AddRange(JsonSerializer.Deserialize(output, LatencyJsonContext.Default.ListLatencyRow) ?? []);
        }
        catch (Exception failure) when (failure is MeasuringFailedException or JsonException)
        {
            notes.Add($"{pattern.Name} with {subject.Name} failed: {failure.Message}.");
        }
    }
}
