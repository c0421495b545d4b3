using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Text.Json;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Spectre.Console;

namespace Hakmem.Benchmarks.Latency;

/// <summary>The <c>latency</c> command: not how fast on average, but how slow at worst.</summary>
internal static class LatencyCommand
{
    private const int DefaultRounds = 3;
    private const long Calls = 4_000_000;
    private const long QuickCalls = 200_000;

    // Of a tenth of a second: ten are what the runtime needs for its final code, and so part of every process's time.
    private const int WarmUpBursts = 10;
    private const int QuickWarmUpBursts = 1;

    private static readonly Option<string[]> s_peers = new("--peers")
    {
        Description = "The peers to compare with, all by default; a variant of ours only where it is named.",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<int> s_rounds = new("--rounds")
    {
        Description = "Measuring processes for each row; the least of each column counts.",
        DefaultValueFactory = _ => DefaultRounds,
    };

    private static readonly Option<bool> s_quick = new("--quick") { Description = "One process a row with few calls: shows that everything runs." };

    private static readonly Option<FileInfo?> s_json = new("--json") { Description = "Also write all results to this file." };

    private static readonly Option<FileInfo?> s_chart = new("--chart") { Description = "Also draw the results to this PNG file." };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("latency", "Times every call by itself: percentiles and the maximum, for mixed sizes and bursts.")
        {
            s_peers, s_rounds, s_quick, s_json, s_chart,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool quick = parsed.GetValue(s_quick);
        string[] peers = [.. (parsed.GetValue(s_peers) ?? []).SelectMany(name => name.Split(','))];
        List<string> notes = [];
        List<Subject> subjects = [];
        foreach (Subject subject in SubjectCatalog.All.Where(subject => IsWanted(subject, peers)))
        {
            if (subject.HowToGet is { } howToGet)
            {
                notes.Add($"{subject.Name} is skipped: {howToGet}.");
            }
            else if (subject.BodyOf(LatencyCatalog.All[0]) is not null)
            {
                subjects.Add(subject);
            }
        }

        IAnsiConsole console = TerminalConsole.Create();
        BenchmarkEnvironment environment = BenchmarkEnvironment.Current();
        int rounds = quick ? 1 : parsed.GetValue(s_rounds);
        LatencyRunner runner = new(subjects, rounds, quick ? QuickCalls : Calls, quick ? QuickWarmUpBursts : WarmUpBursts, notes);
        LatencyResults results = RunWithProgress(console, runner, environment, rounds * subjects.Count * LatencyCatalog.All.Count);
        LatencyTable.Write(console, results);
        if (parsed.GetValue(s_json) is { } json)
        {
            using FileStream stream = json.Create();
            using Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true });
            JsonSerializer.Serialize(writer, results, LatencyJsonContext.Default.LatencyResults);
        }

        if (parsed.GetValue(s_chart) is { } chart)
        {
            LatencyChart.Save(results, chart.FullName);
        }

        return results.Rows.Count > 0 ? 0 : 1;
    }

    private static bool IsWanted(Subject subject, string[] peers) => subject.Role switch
    {
        SubjectRole.Peer => peers.Length == 0 || peers.Contains(subject.Name),
        SubjectRole.Variant => peers.Contains(subject.Name),
        _ => true,
    };

    // Nothing animates while a process measures, as in the workloads' run.
    private static LatencyResults RunWithProgress(IAnsiConsole console, LatencyRunner runner, BenchmarkEnvironment environment, int processes) =>
        console.Progress().AutoRefresh(false).AutoClear(true).Start(context =>
        {
            ProgressTask progress = context.AddTask("latency", maxValue: processes);
            return runner.Run(environment, (pattern, subject) =>
            {
                progress.Description = $"{pattern} · {subject}";
                progress.Increment(1);
                context.Refresh();
            });
        });
}
