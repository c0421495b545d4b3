using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Text.Json;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Seed;

/// <summary>Runs the study, one process at a time.</summary>
/// <remarks>
/// All configurations of a scenario take turns, round after round: a slow minute of the machine costs each of them one round. The
/// profiled processes come after the timed ones of their scenario.
/// </remarks>
internal sealed class SeedRunner(IReadOnlyList<SeedScenario> scenarios, int rounds)
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
        (Rows(scenario).Count * rounds) + (SeedConfiguration.All.Count * ProfiledRounds(scenario)));

    /// <summary>Runs everything.</summary>
    /// <param name="onProcessStarting">Told before each process what it will measure.</param>
    public SeedResults Run(Action<string> onProcessStarting)
    {
        BenchmarkEnvironment environment = BenchmarkEnvironment.Current();
        long start = Stopwatch.GetTimestamp();
        List<SeedRow> rows = [];
        foreach (SeedScenario scenario in scenarios)
        {
            rows.AddRange(Run(scenario, onProcessStarting));
        }

        return new SeedResults
        {
            Environment = environment,
            Rounds = rounds,
            Seconds = Stopwatch.GetElapsedTime(start).TotalSeconds,
            Rows = rows,
            Notes = _notes,
        };
    }

    private static int ProfiledRounds(SeedScenario scenario) => scenario.Workload.RunsOnce ? ProfiledCold : ProfiledWarm;

    private static List<(string Subject, SeedConfiguration Configuration)> Rows(SeedScenario scenario) =>
    [
        .. SeedConfiguration.All.Select(configuration => (SubjectCatalog.Hakmem, configuration)),
        .. s_others
            .Where(subject => SubjectCatalog.Find(subject).BodyOf(scenario.Workload) is not null)
            .Select(subject => (subject, SeedConfiguration.Default)),
    ];

    private List<SeedRow> Run(SeedScenario scenario, Action<string> onProcessStarting)
    {
        List<(string Subject, SeedConfiguration Configuration)> rows = Rows(scenario);
        List<SeedMeasurement>[] timed = [.. rows.Select(_ => new List<SeedMeasurement>())];
        List<SeedMeasurement>[] profiled = [.. rows.Select(_ => new List<SeedMeasurement>())];
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
            .. rows.Index().Where(row => timed[row.Index].Count > 0).Select(row => new SeedRow
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
        SeedScenario scenario, (string Subject, SeedConfiguration Configuration) row, bool isProfiled, List<SeedMeasurement> results)
    {
        // A null takes a switch out of the environment that this program was itself started with.
        Dictionary<string, string?> environment = SeedConfiguration.Switches.ToDictionary(name => name, _ => (string?)null);
        foreach ((string name, string value) in row.Configuration.Variables)
        {
            environment[name] = value;
        }

        try
        {
            string output = MeasuringProcess.Run(SeedOneCommand.Arguments(scenario, row.Subject, RoundsPerProcess, isProfiled), environment);
            results.Add(JsonSerializer.Deserialize(output, SeedJsonContext.Default.SeedMeasurement)
                ?? throw new MeasuringFailedException("the process printed null"));
        }
        catch (Exception failure) when (failure is MeasuringFailedException or JsonException)
        {
            _notes.Add($"{scenario.Name} with {row.Subject}, {row.Configuration.Name}, failed: {failure.Message}.");
        }
    }
}
