using System;
using System.CommandLine;
using System.IO;
using System.Linq;
using System.Text.Json;
using Hakmem.Benchmarks.Runner;
using Spectre.Console;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>The <c>seed</c> command: the original's profiling study, on this allocator and this machine.</summary>
internal static class StudyCommand
{
    private const int DefaultRounds = 4;

    private static readonly Argument<string[]> s_parts = new("parts")
    {
        Description = "The scenarios to run; all when none is named: " +
            $"{string.Join(", ", StudyScenario.All.Select(scenario => scenario.Name))}.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<DirectoryInfo> s_out = new("--out")
    {
        Description = "Where to write seed.md, seed.html and seed.json.",
        DefaultValueFactory = _ => new DirectoryInfo("seed-report"),
    };

    private static readonly Option<int> s_rounds = new("--rounds")
    {
        Description = "Timed processes for each row.",
        DefaultValueFactory = _ => DefaultRounds,
        Validators = { result => { if (result.GetValueOrDefault<int>() < 1) { result.AddError("At least one round is needed."); } } },
    };

    private static readonly Option<bool> s_quick = new("--quick")
    {
        Description = "One timed process a row: shows that everything runs, and no difference.",
    };

    private static readonly Option<DirectoryInfo?> s_keep = new("--keep")
    {
        Description = "Keeps this run's results in a folder, and reports on all runs that are kept there: " +
            "together.md, together.html.",
    };

    private static readonly Option<bool> s_together = new("--together")
    {
        Description = "Measures nothing, and reports on the runs that --keep names.",
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        s_parts.AcceptOnlyFromAmong([.. StudyScenario.All.Select(scenario => scenario.Name)]);
        Command command = new("seed", "Repeats the profiling study of the original HAKMEM and writes a report.")
        {
            s_parts, s_out, s_rounds, s_quick, s_keep, s_together,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(s_together) && result.GetValue(s_keep) is null)
            {
                result.AddError("--together needs --keep, the folder with the runs.");
            }
        });
        LinuxOnly.Require(command, "perf_event_open, getrusage and /proc");
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        DirectoryInfo? keep = parsed.GetValue(s_keep);
        if (parsed.GetValue(s_together))
        {
            return Together(keep!, parsed.GetValue(s_out)!);
        }

        string[] parts = parsed.GetValue(s_parts) ?? [];
        bool quick = parsed.GetValue(s_quick);
        StudyRunner runner = new(
            [.. StudyScenario.All.Where(scenario => parts.Length == 0 || parts.Contains(scenario.Name))],
            quick ? 1 : parsed.GetValue(s_rounds));
        IAnsiConsole console = TerminalConsole.Create();
        StudyResults results = RunWithProgress(console, runner);
        if (results.Rows.Count == 0)
        {
            console.WriteLine(string.Join('\n', results.Notes));
            return 1;
        }

        Write(results, parsed.GetValue(s_out)!, console);
        if (keep is null)
        {
            return 0;
        }

        console.WriteLine($"Kept as {KeptRuns.Add(keep, results)}.");
        return Together(keep, parsed.GetValue(s_out)!);
    }

    private static int Together(DirectoryInfo keep, DirectoryInfo directory)
    {
        Report report;
        try
        {
            report = StudyTogether.Of(KeptRuns.Read(keep));
        }
        catch (InvalidDataException unusable)
        {
            Console.Error.WriteLine(unusable.Message);
            return 1;
        }

        string markdown = Write(report, directory, "together");
        Console.Out.Write(markdown);
        return 0;
    }

    // Returns the Markdown.
    private static string Write(Report report, DirectoryInfo directory, string name)
    {
        directory.Create();
        string markdown = MarkdownWriter.Write(report);
        File.WriteAllText(Path.Combine(directory.FullName, name + ".md"), markdown);
        File.WriteAllText(Path.Combine(directory.FullName, name + ".html"), HtmlWriter.Write(report));
        return markdown;
    }

    // Nothing animates while a process measures: the display would take its turns on the processors under test.
    private static StudyResults RunWithProgress(IAnsiConsole console, StudyRunner runner) =>
        console.Progress().AutoRefresh(false).AutoClear(true).Start(context =>
        {
            ProgressTask progress = context.AddTask("seed", maxValue: runner.ProcessCount);
            int started = 0;
            return runner.Run(title =>
            {
                progress.Description = title;
                progress.Value = started++;
                context.Refresh();
            });
        });

    private static void Write(StudyResults results, DirectoryInfo directory, IAnsiConsole console)
    {
        directory.Create();
        using (FileStream stream = File.Create(Path.Combine(directory.FullName, "seed.json")))
        {
            JsonSerializer.Serialize(stream, results, StudyJsonContext.Default.StudyResults);
        }

        string markdown = Write(StudyReport.Of(results), directory, "seed");
        // Not through the console's own layout, which would break the tables' rows at its width.
        Console.Out.Write(markdown);
        console.WriteLine($"Written to {directory.FullName}: seed.md, seed.html, seed.json.");
    }
}
