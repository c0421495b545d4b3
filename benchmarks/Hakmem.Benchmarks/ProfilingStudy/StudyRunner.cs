using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Text.Json;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>Runs the study, one process at a time.</summary>
/// <remarks>
/// All configurations of a scenario take turns, round after round: a slow minute of the machine costs each of them one
/// round. The profiled processes come after the timed ones of their scenario.
/// </remarks>
internal sealed class StudyRunner(IReadOnlyList<StudyScenario> scenarios, int rounds)
{
    // Warm processes have these many timed rounds; cold ones have one, and so are profiled once more.
    private const int RoundsPerProcess = 3;
    private const int ProfiledWarm = 1;
    private const int ProfiledCold = 2;

    // Subjects that no switch changes, for comparison.
    private static readonly string[] s_others = ["nativememory", "null"];

    private readonly List<string> _notes = [];

    /// <summary>Processes in all.</summary>
    public int ProcessCount => scenarios.Sum(scenario =>
        (Rows(scenario).Count * rounds) + (StudyConfiguration.All.Count * ProfiledRounds(scenario)));

    /// <summary>Runs everything.</summary>
    /// <param name="onProcessStarting">Told before each process what it will measure.</param>
    public StudyResults Run(Action<string> onProcessStarting)
    {
        BenchmarkEnvironment environment = BenchmarkEnvironment.Current();
        long start = Stopwatch.GetTimestamp();
        List<StudyRow> rows = [];
        foreach (StudyScenario scenario in scenarios)
        {
            rows.AddRange(Run(scenario, onProcessStarting));
        }

        return new StudyResults
        {
            Environment = environment,
            Rounds = rounds,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
            Rows = rows,
            Notes = _notes,
        };
    }

    private static int ProfiledRounds(StudyScenario scenario) =>
        scenario.Workload.RunsOnce ? ProfiledCold : ProfiledWarm;

    private static List<(string Subject, StudyConfiguration Configuration)> Rows(StudyScenario scenario) =>
    [
        .. StudyConfiguration.All.Select(configuration => (SubjectCatalog.Hakmem, configuration)),
        .. s_others
            .Where(subject => SubjectCatalog.Find(subject).BodyOf(scenario.Workload) is not null)
            .Select(subject => (subject, StudyConfiguration.Default)),
    ];

    private List<StudyRow> Run(StudyScenario scenario, Action<string> onProcessStarting)
    {
        List<(string Subject, StudyConfiguration Configuration)> rows = Rows(scenario);
        List<StudyMeasurement>[] timed = [.. rows.Select(_ => new List<StudyMeasurement>())];
        List<StudyMeasurement>[] profiled = [.. rows.Select(_ => new List<StudyMeasurement>())];
        for (int round = 0; round < rounds + ProfiledRounds(scenario); round++)
        {
            bool isProfiled = round >= rounds;
            for (int row = 0; row < rows.Count; row++)
            {
                if (!isProfiled || rows[row].Subject == SubjectCatalog.Hakmem)
                {
                    onProcessStarting($"{scenario.Name} · {rows[row].Subject} · {rows[row].Configuration.Name}{(isProfiled ? " · profiled" : "")}");
                    Measure(scenario, rows[row], isProfiled, (isProfiled ? profiled : timed)[row]);
                }
            }
        }

        return
        [
            .. rows.Index().Where(row => timed[row.Index].Count > 0).Select(row => new StudyRow
            {
                Scenario = scenario.Name,
                Subject = row.Item.Subject,
                Configuration = row.Item.Configuration.Name,
                Timed = timed[row.Index],
                Profiled = profiled[row.Index],
            }),
        ];
    }

    private void Measure(
        StudyScenario scenario,
        (string Subject, StudyConfiguration Configuration) row,
        bool isProfiled,
        List<StudyMeasurement> results)
    {
        // A null takes a switch out of the environment that this program was itself started with.
        Dictionary<string, string?> environment =
            StudyConfiguration.Switches.ToDictionary(name => name, _ => (string?)null);
        foreach ((string name, string value) in row.Configuration.Variables)
        {
            environment[name] = value;
        }

        try
        {
            string output = MeasuringProcess.Run(
                StudyOneCommand.Arguments(scenario, row.Subject, RoundsPerProcess, isProfiled), environment);
            results.Add(JsonSerializer.Deserialize(output, StudyJsonContext.Default.StudyMeasurement)
                ?? throw new MeasuringFailedException("the process printed null"));
        }
        catch (Exception failure) when (failure is MeasuringFailedException or JsonException)
        {
            _notes.Add($"{scenario.Name} with {row.Subject}, {row.Configuration.Name}, failed: {failure.Message}.");
        }
    }
}
