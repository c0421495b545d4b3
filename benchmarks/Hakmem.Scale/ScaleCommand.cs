using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json;
using Hakmem.Benchmarks.Runner;
using Hakmem.Scale.Counts;
using Hakmem.Scale.Model;
using Spectre.Console;

namespace Hakmem.Scale;

/// <summary>The commands of the program.</summary>
internal static class ScaleCommand
{
    private static readonly Option<FileInfo?> s_json = new("--json")
    {
        Description = "Also write the results to this file.",
    };

    private static readonly Option<FileInfo?> s_chart = new("--chart")
    {
        Description = "Also draw the model to this PNG file.",
    };

    private static readonly Option<double> s_transfer = new("--transfer")
    {
        Description = "The model's nanoseconds until a processor has a cache line that another one wrote.",
        DefaultValueFactory = _ => new Assumptions().TransferNanoseconds,
    };

    private static readonly Option<double> s_stream = new("--stream")
    {
        Description = "The same for one of many lines in a row.",
        DefaultValueFactory = _ => new Assumptions().StreamNanoseconds,
    };

    private static readonly Option<bool> s_freeWords = new("--free-words")
    {
        Description =
            "Lets the model change words that all threads share at no cost: what would be reached without them.",
    };

    private static readonly Option<string[]> s_scenarios = new("--scenarios")
    {
        Description = $"What the model runs; all unless told: {string.Join(", ", Scenario.All.Select(s => s.Name))}.",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [.. Scenario.All.Select(scenario => scenario.Name)],
    };

    private static readonly Option<FileInfo> s_benchmarks = new("--benchmarks")
    {
        Description = "The path of a built Hakmem.Benchmarks.dll, whose rows are run with 1, 2, 4 and so on threads.",
        Required = true,
    };

    private static readonly Argument<FileInfo> s_results = new("results") { Description = "A file that --json wrote." };

    /// <summary>The command that counts.</summary>
    public static Command CreateCounts()
    {
        Command command = new("counts", "Counts what workloads with threads do to locks and cache lines.") { s_json };
        command.SetAction(parsed => Finish(parsed, Current() with { Counts = Count(TerminalConsole.Create()) }));
        return command;
    }

    /// <summary>The command that simulates.</summary>
    public static Command CreateModel()
    {
        Command command = new("model", "Simulates the exchange between threads on 1 to 128 processors.")
        {
            s_transfer, s_stream, s_freeWords, s_scenarios, s_json, s_chart,
        };
        command.SetAction(parsed => Finish(parsed, Simulate(TerminalConsole.Create(), Current(), parsed)));
        return command;
    }

    /// <summary>The command that does all, and runs the benchmark program's rows.</summary>
    public static Command CreateAll()
    {
        Command command = new("all", "Counts, simulates and measures with as many threads as there are processors.")
        {
            s_benchmarks, s_transfer, s_stream, s_freeWords, s_scenarios, s_json, s_chart,
        };
        command.SetAction(parsed =>
        {
            IAnsiConsole console = TerminalConsole.Create();
            ScaleReport report = Current() with { Counts = Count(console) };
            report = Simulate(console, report, parsed);
            report = report with
            {
                Library = LibraryRows.Measure(
                    parsed.GetRequiredValue(s_benchmarks).FullName, row => console.WriteLine($"measuring {row}")),
            };
            ScaleTables.WriteLibrary(console, report.Library);
            return Finish(parsed, report);
        });
        return command;
    }

    /// <summary>The command that draws earlier results.</summary>
    public static Command CreateDraw()
    {
        Command command = new("draw", "Draws the model of an earlier run.") { s_results, s_chart };
        command.SetAction(parsed =>
        {
            using FileStream stream = parsed.GetRequiredValue(s_results).OpenRead();
            ScaleReport report = JsonSerializer.Deserialize(stream, ScaleJsonContext.Default.ScaleReport)
                ?? throw new InvalidDataException("The file has no results.");
            return Finish(parsed, report);
        });
        return command;
    }

    private static List<RowCounts> Count(IAnsiConsole console)
    {
        List<RowCounts> counts = [.. RowCounter.Rows.Select(RowCounter.Count)];
        ScaleTables.WriteCounts(console, counts);
        return counts;
    }

    private static ScaleReport Simulate(IAnsiConsole console, ScaleReport report, ParseResult parsed)
    {
        Assumptions assumptions = new()
        {
            TransferNanoseconds = parsed.GetValue(s_transfer),
            StreamNanoseconds = parsed.GetValue(s_stream),
            HasFreeWords = parsed.GetValue(s_freeWords),
        };
        Dictionary<string, IReadOnlyDictionary<string, double>> parts = [];
        List<ModelPoint> model = [];
        List<RealPoint> real = [];
        foreach (Scenario scenario in parsed.GetValue(s_scenarios)!.Select(Scenario.Find))
        {
            console.WriteLine($"simulating {scenario.Name}");
            CostTable costs = ModelRunner.Learn(scenario, assumptions);
            parts.Add(scenario.Name, costs.Nanoseconds);
            real.AddRange(ModelRunner.Compare(scenario, assumptions));
            model.AddRange(ModelRunner.Run(scenario, costs, assumptions));
        }

        report = report with
        {
            Assumptions = assumptions,
            Costs = parts,
            Model = model,
            SingleQueue = ModelRunner.RunSingleQueue(assumptions),
            Real = real,
        };
        ScaleTables.WriteModel(console, report);
        return report;
    }

    private static int Finish(ParseResult parsed, ScaleReport report)
    {
        if (parsed.GetValue(s_json) is { } json)
        {
            using FileStream stream = json.Create();
            JsonSerializer.Serialize(stream, report, ScaleJsonContext.Default.ScaleReport);
        }

        if (report.Model is not null && parsed.GetValue(s_chart) is { } chart)
        {
            ScaleChart.Save(report, chart.FullName);
        }

        return 0;
    }

    private static ScaleReport Current() => new()
    {
        Date = DateTimeOffset.Now,
        Cpu = CpuName() ?? RuntimeInformation.ProcessArchitecture.ToString(),
        ProcessorCount = Environment.ProcessorCount,
        Runtime = RuntimeInformation.FrameworkDescription,
    };

    private static string? CpuName()
    {
        const string Path = "/proc/cpuinfo";
        string? line = File.Exists(Path)
            ? File.ReadLines(Path).FirstOrDefault(
                candidate => candidate.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return line?[(line.IndexOf(':') + 1)..].Trim();
    }
}
