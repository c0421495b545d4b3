using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using Hakmem.AspNetCore.Benchmarks.Runner;
using Hakmem.Benchmarks.Runner;
using Spectre.Console;

namespace Hakmem.AspNetCore.Benchmarks.Kestrel;

/// <summary>The <c>kestrel</c> command: the framework's pools against ours, in processes that take turns.</summary>
internal static class KestrelCommand
{
    private const double BytesPerMiB = 1 << 20;

    private static readonly Argument<string[]> s_scenarios = new("names")
    {
        Description = $"The loads to run; all when none is named: {string.Join(", ", KestrelScenario.All.Select(scenario => scenario.Name))}.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<int> s_processes = new("--processes")
    {
        Description = "Measuring processes for each row; the fastest counts for time, the median for memory.",
        DefaultValueFactory = _ => 3,
    };

    private static readonly Option<int> s_idle = new("--idle")
    {
        Description = "Seconds without a client before resident memory is looked at. Pools give memory up after ten.",
        DefaultValueFactory = _ => 12,
    };

    private static readonly Option<bool> s_quick = new("--quick")
    {
        Description = "One process a row with few requests and no idle time: shows that everything runs, not how fast.",
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        s_scenarios.AcceptOnlyFromAmong([.. KestrelScenario.All.Select(scenario => scenario.Name)]);
        Command command = new("kestrel", "Kestrel's throughput and memory with the framework's pools and with Hakmem's.")
        {
            s_scenarios, s_processes, s_idle, s_quick,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        bool quick = parsed.GetValue(s_quick);
        int processes = quick ? 1 : Math.Max(1, parsed.GetValue(s_processes));
        string[] names = parsed.GetValue(s_scenarios) is { Length: > 0 } chosen ? chosen : [.. KestrelScenario.All.Select(scenario => scenario.Name)];
        string[] settings = quick ? ["1", "0", "20"] : ["5", parsed.GetValue(s_idle).ToString(CultureInfo.InvariantCulture), "1"];

        IAnsiConsole console = TerminalConsole.Create();
        Header.Write(console);
        Table table = new() { Border = TableBorder.Rounded };
        table.AddColumns("load", "pool");
        foreach (string heading in (string[])["requests/s", "ratio", "CPU us/request", "start MiB", "peak MiB", "idle MiB", "collected MiB"])
        {
            table.AddColumn(new TableColumn(heading).RightAligned());
        }

        foreach (string name in names)
        {
            Dictionary<string, List<KestrelFigures>> figures = Measure(name, processes, settings);
            double builtIn = Fastest(figures[ServerPool.BuiltIn]);
            foreach ((string pool, List<KestrelFigures> all) in figures)
            {
                table.AddRow(name, pool, Text(Fastest(all), "N0"), Text(Fastest(all) / builtIn, "0.000"),
                    Text(all.Min(one => one.CpuMicroseconds), "0.00"),
                    MedianMiB(all, one => one.StartResidentBytes), MedianMiB(all, one => one.PeakResidentBytes),
                    MedianMiB(all, one => one.IdleResidentBytes), MedianMiB(all, one => one.CollectedResidentBytes));
            }
        }

        console.Write(table);
        return 0;
    }

    // By turns, so that a slow minute of the machine costs each of them one process.
    private static Dictionary<string, List<KestrelFigures>> Measure(string scenario, int processes, string[] settings)
    {
        Dictionary<string, List<KestrelFigures>> figures = KestrelRun.Pools.ToDictionary(pool => pool, _ => new List<KestrelFigures>());
        for (int i = 0; i < processes; i++)
        {
            foreach (string pool in i % 2 == 0 ? KestrelRun.Pools : KestrelRun.Pools.AsEnumerable().Reverse())
            {
                figures[pool].Add(SelfProcess.Run(
                    FiguresJsonContext.Default.KestrelFigures, [KestrelRun.Name, scenario, pool, .. settings]));
            }
        }

        return figures;
    }

    private static double Fastest(List<KestrelFigures> figures) => figures.Max(one => one.RequestsPerSecond);

    private static string MedianMiB(List<KestrelFigures> figures, Func<KestrelFigures, long> bytes) =>
        Text(figures.Select(bytes).Order().ElementAt(figures.Count / 2) / BytesPerMiB, "0.0");

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
