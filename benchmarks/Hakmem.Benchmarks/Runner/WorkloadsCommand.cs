using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Text.Json;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;
using Spectre.Console;

namespace Hakmem.Benchmarks.Runner;

/// <summary>The <c>workloads</c> command.</summary>
internal static class WorkloadsCommand
{
    private const int DefaultRounds = 3;
    private const int RoundsPerProcess = 5;
    private const int QuickRoundsPerProcess = 2;
    private const int RedirectedWidth = 140;

    private static readonly Argument<string[]> s_names = new("names")
    {
        Description = $"The workloads to run; all when none is named: {string.Join(", ", WorkloadCatalog.All.Select(w => w.Name))}.",
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<string> s_peers = new("--peers")
    {
        Description = $"The peers to run, separated by commas; all by default: {string.Join(", ", SubjectCatalog.All.Where(s => s.Role == SubjectRole.Peer).Select(s => s.Name))}.",
        DefaultValueFactory = _ => "",
    };

    private static readonly Option<int> s_rounds = new("--rounds")
    {
        Description = "Measuring processes for each row; the fastest counts.",
        DefaultValueFactory = _ => DefaultRounds,
    };

    private static readonly Option<bool> s_quick = new("--quick")
    {
        Description = "One process a row with few rounds: shows that everything runs, not how fast.",
    };

    private static readonly Option<FileInfo?> s_json = new("--json") { Description = "Also write all results to this file." };

    private static readonly Option<FileInfo?> s_chart = new("--chart") { Description = "Also draw the results to this PNG file." };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("workloads", "Runs allocation workloads, each with every allocator in processes of its own.")
        {
            s_names, s_peers, s_rounds, s_quick, s_json, s_chart,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool quick = parsed.GetValue(s_quick);
        RunPlan plan;
        try
        {
            plan = RunPlan.Create(
                parsed.GetRequiredValue(s_names),
                parsed.GetRequiredValue(s_peers).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
                quick ? 1 : parsed.GetValue(s_rounds),
                quick ? QuickRoundsPerProcess : RoundsPerProcess);
        }
        catch (ArgumentException unknownName)
        {
            parsed.InvocationConfiguration.Error.WriteLine(unknownName.Message);
            return 1;
        }

        IAnsiConsole console = AnsiConsole.Console;
        if (Console.IsOutputRedirected)
        {
            // A file has no width; the default of 80 would break every row.
            console.Profile.Width = RedirectedWidth;
        }

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
            return new WorkloadRunner(plan).Run(environment, (workload, subject) =>
            {
                progress.Description = $"{workload.Name} · {subject.Name}";
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
