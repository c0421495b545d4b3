using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace Hakmem.Benchmarks.Runner;

/// <summary>
/// The <c>draw</c> command: draws results that <c>workloads --json</c> wrote, so that a picture can be changed without
/// measuring again.
/// </summary>
internal static class DrawCommand
{
    private static readonly Argument<FileInfo[]> s_results = new("results")
    {
        Description = "Files that `workloads --json` wrote, of one machine; their rows are drawn in the order given.",
        Arity = ArgumentArity.OneOrMore,
    };

    private static readonly Option<FileInfo> s_chart = new("--chart")
    {
        Description = "The PNG file to write.",
        Required = true,
    };

    private static readonly Option<string?> s_only = new("--only")
    {
        Description = "The workloads and subjects to draw, separated by commas; all unless told.",
        HelpName = "a,b",
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("draw", "Draws results of earlier runs.") { s_results, s_chart, s_only };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        ResultSet[] runs = [.. parsed.GetRequiredValue(s_results).Select(Read)];
        string[] cpus = [.. runs.Select(run => run.Environment.Cpu).Distinct()];
        if (cpus.Length > 1)
        {
            Console.Error.WriteLine($"The results are of different processors: {string.Join(", ", cpus)}.");
            return 1;
        }

        ResultRow[] rows = [.. runs.SelectMany(run => run.Rows)];
        if (parsed.GetValue(s_only) is { } only)
        {
            string[] names = only.Split(',', StringSplitOptions.RemoveEmptyEntries);
            string? unknown = names.FirstOrDefault(
                name => !rows.Any(row => row.Workload == name || row.Subject == name));
            if (unknown is not null)
            {
                Console.Error.WriteLine($"There is no result for '{unknown}'.");
                return 1;
            }

            rows = [.. rows.Where(row => names.Contains(row.Workload) && names.Contains(row.Subject))];
        }

        ResultsChart.Save(runs[0] with { Rows = rows }, parsed.GetRequiredValue(s_chart).FullName);
        return 0;
    }

    private static ResultSet Read(FileInfo file)
    {
        using FileStream stream = file.OpenRead();
        return JsonSerializer.Deserialize(stream, ResultsJsonContext.Default.ResultSet)
            ?? throw new InvalidDataException($"{file} has no results.");
    }
}
