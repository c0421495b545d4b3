using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Text.Json;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;
using Spectre.Console;

namespace Hakmem.Benchmarks.Runner;

/// <summary>The options of the commands that measure rows, and their run.</summary>
internal static class MeasuringOptions
{
    private const int DefaultRounds = 3;
    private const int RoundsPerProcess = 5;
    private const int QuickRoundsPerProcess = 2;

    private static readonly Subject[] s_allPeers =
        [.. SubjectCatalog.All.Where(subject => subject.Role == SubjectRole.Peer)];

    private static readonly Subject[] s_choices =
        [.. SubjectCatalog.All.Where(subject => subject.Role is SubjectRole.Peer or SubjectRole.Variant)];

    private static readonly Option<Subject[]> s_peers = new("--peers")
    {
        Description = "The peers to compare with, separated by commas; those that are not Hakmem by default: "
            + $"{CatalogChoice.Names(s_choices.Select(s => s.Name))}.",
        HelpName = "a,b",
        CustomParser = result => CatalogChoice.Parse(result, s_choices, subject => subject.Name),
    };

    private static readonly Option<int> s_rounds = new("--rounds")
    {
        Description = "Measuring processes for each row, and as many on one thread for a speed-up; the fastest counts.",
        DefaultValueFactory = _ => DefaultRounds,
        Validators = { CatalogChoice.RequireAtLeastOne },
    };

    private static readonly Option<bool> s_quick = new("--quick")
    {
        Description = "One process a row with few rounds: shows that everything runs, not how fast.",
    };

    private static readonly Option<FileInfo?> s_json = new("--json")
    {
        Description = "Also write all results to this file.",
    };

    private static readonly Option<FileInfo?> s_chart = new("--chart")
    {
        Description = "Also draw the results to this PNG file.",
    };

    /// <summary>Gives a command the options.</summary>
    public static void AddTo(Command command)
    {
        foreach (Option option in (Option[])[s_peers, s_rounds, s_quick, s_json, s_chart])
        {
            command.Add(option);
        }
    }

    /// <summary>Measures workloads as the options say, and prints the rows.</summary>
    /// <returns>The exit code.</returns>
    public static int Run(ParseResult parsed, IReadOnlyList<Workload> workloads)
    {
        bool quick = parsed.GetValue(s_quick);
        RunPlan plan = RunPlan.Create(
            workloads,
            parsed.GetValue(s_peers) is { Length: > 0 } peers ? peers : s_allPeers,
            quick ? 1 : parsed.GetValue(s_rounds),
            quick ? QuickRoundsPerProcess : RoundsPerProcess);

        IAnsiConsole console = TerminalConsole.Create();
        BenchmarkEnvironment environment = BenchmarkEnvironment.Current();
        ResultsTable.WriteHeader(console, environment, plan);
        ResultSet results = RunWithProgress(console, plan, environment);
        ResultsTable.WriteResults(console, results);
        WriteFiles(parsed, results);
        return results.Rows.Count > 0 ? 0 : 1;
    }

    // Nothing animates while a process measures: the display would take its turns on the processors under test.
    private static ResultSet RunWithProgress(IAnsiConsole console, RunPlan plan, BenchmarkEnvironment environment) =>
        console.Progress().AutoRefresh(false).AutoClear(true).Start(context =>
        {
            ProgressTask progress = context.AddTask("workloads", maxValue: plan.ProcessCount);
            int started = 0;
            WorkloadRunner runner = new(
                plan, (workload, subject) => MeasuringProcess.Run(workload, subject, plan.RoundsPerProcess));
            return runner.Run(environment, (workload, subject) =>
            {
                progress.Description = Markup.Escape($"{workload.Name} · {subject.Name}");
                progress.Value = started++;
                context.Refresh();
            });
        });

    private static void WriteFiles(ParseResult parsed, ResultSet results)
    {
        if (parsed.GetValue(s_json) is { } json)
        {
            using FileStream stream = json.Create();
            using Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true });
            JsonSerializer.Serialize(writer, results, ResultsJsonContext.Default.ResultSet);
        }

        if (parsed.GetValue(s_chart) is { } chart)
        {
            ResultsChart.Save(results, chart.FullName);
        }
    }
}
