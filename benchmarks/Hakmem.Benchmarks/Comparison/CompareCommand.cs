using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;
using Spectre.Console;

namespace Hakmem.Benchmarks.Comparison;

/// <summary>The <c>compare</c> command: is a row faster or slower than at another commit?</summary>
internal static class CompareCommand
{
    private const int DefaultTurns = 5;
    private const int DefaultRounds = 5;

    private static readonly Subject[] s_ours =
        [.. SubjectCatalog.All.Where(subject => subject.Role == SubjectRole.Ours)];

    /// <summary>The workloads to compare; none named means all.</summary>
    public static Argument<Workload[]> Names { get; } = new("names")
    {
        Description = "The workloads to compare; all when none is named.",
        Arity = ArgumentArity.ZeroOrMore,
        CustomParser = result => CatalogChoice.Parse(result, WorkloadCatalog.All, workload => workload.Name),
    };

    /// <summary>The revision to compare with.</summary>
    public static Option<string> Base { get; } = new("--base")
    {
        Description = "The revision to compare with: a commit, a branch or a tag.",
        HelpName = "REV",
        Required = true,
    };

    /// <summary>The subjects.</summary>
    public static Option<Subject[]> Subjects { get; } = new("--subjects")
    {
        Description = "The subjects, separated by commas; by default "
            + $"{CatalogChoice.Names(s_ours.Select(subject => subject.Name))}.",
        HelpName = "a,b",
        CustomParser = result => CatalogChoice.Parse(result, SubjectCatalog.All, subject => subject.Name),
    };

    /// <summary>Processes of each build for each row.</summary>
    public static Option<int> Turns { get; } = new("--turns")
    {
        Description = "Measuring processes of each build for each row; fewer than three show no difference.",
        DefaultValueFactory = _ => DefaultTurns,
        Validators = { CatalogChoice.RequireAtLeastOne },
    };

    /// <summary>Timed rounds in each process.</summary>
    public static Option<int> Rounds { get; } = new("--rounds")
    {
        Description = "Timed rounds in each process; the fastest counts.",
        DefaultValueFactory = _ => DefaultRounds,
        Validators = { CatalogChoice.RequireAtLeastOne },
    };

    /// <summary>Whether workloads run with one worker.</summary>
    public static Option<bool> OneThread { get; } = new("--one-thread")
    {
        Description = "Run workloads whose threads all do the same with one thread.",
    };

    /// <summary>The limit.</summary>
    public static Option<double?> FailAbove { get; } = new("--fail-above")
    {
        Description = "Fail if a row differs and its ratio of medians is above this: 1.05 is five per cent slower.",
        HelpName = "RATIO",
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("compare", "Compares this build's workloads with those of another commit, by turns.")
        {
            Names, Base, Subjects, Turns, Rounds, OneThread, FailAbove,
        };
        command.SetAction(Run);
        return command;
    }

    /// <summary>The rows that a command line asks for.</summary>
    public static IReadOnlyList<(Workload Workload, Subject Subject)> RowsOf(ParseResult parsed)
    {
        IEnumerable<Workload> workloads =
            parsed.GetValue(Names) is { Length: > 0 } named ? named : WorkloadCatalog.All;
        return ComparisonRunner.RowsOf(
            parsed.GetValue(OneThread) ? workloads.Select(workload => workload.WithOneWorker() ?? workload) : workloads,
            parsed.GetValue(Subjects) is { Length: > 0 } subjects ? subjects : s_ours);
    }

    /// <summary>The exit code: 1 if a row failed, none was measured, or one is slower than the limit allows.</summary>
    public static int ExitCodeOf(ComparisonResults results, double? limit)
    {
        bool isTooSlow = limit is { } most && results.Rows.Any(row => row.IsSlowerThan(most));
        return isTooSlow || results.Failures.Count > 0 || results.Rows.Count == 0 ? 1 : 0;
    }

    private static int Run(ParseResult parsed)
    {
        Assembly program = typeof(CompareCommand).Assembly;
        if (program.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration != "Release")
        {
            Console.Error.WriteLine("Only Release builds can be compared: run this program with -c Release.");
            return 1;
        }

        try
        {
            return Compare(parsed, TerminalConsole.Create());
        }
        catch (CommandFailedException failure)
        {
            Console.Error.WriteLine(failure.Message);
            return 1;
        }
    }

    private static int Compare(ParseResult parsed, IAnsiConsole console)
    {
        IReadOnlyList<(Workload Workload, Subject Subject)> rows = RowsOf(parsed);
        int turns = parsed.GetValue(Turns);
        int rounds = parsed.GetValue(Rounds);
        double? limit = parsed.GetValue(FailAbove);
        string repository = Tool.Run(AppContext.BaseDirectory, "git", "rev-parse", "--show-toplevel");
        using BaseCheckout checkout = new(repository, parsed.GetRequiredValue(Base));
        using ProgramCopy current = new();
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"Base: {checkout.Commit}, which is being built.");
        string baseAssembly = checkout.Build(out bool isCurrentProgram);
        if (!isCurrentProgram)
        {
            console.MarkupLine(
                "[yellow]The base does not build with the current benchmark program, so its own measures it: "
                + "workloads of one name may differ, and rows that it lacks fail.[/]");
        }

        BenchmarkEnvironment environment = BenchmarkEnvironment.Current();
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{environment.Cpu}, {environment.ProcessorCount} processors · load average {environment.LoadAverageText}");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{rows.Count} rows, {turns} processes of each build for each, {rounds} timed rounds in each process");
        if (parsed.GetValue(OneThread))
        {
            console.MarkupLine("Workloads whose threads all do the same run with one thread.");
        }

        ComparisonRunner runner = new(rows, turns, (build, workload, subject) =>
        {
            string assembly = build == ComparedBuild.Base ? baseAssembly : current.Assembly;
            return MeasuringProcess.Run(assembly, workload, subject, rounds);
        });
        ComparisonResults results = RunWithProgress(console, runner, rows.Count);
        ComparisonTable.Write(console, results, limit);
        return ExitCodeOf(results, limit);
    }

    // Nothing animates while a process measures, as in the workloads' run.
    private static ComparisonResults RunWithProgress(IAnsiConsole console, ComparisonRunner runner, int rows) =>
        console.Progress().AutoRefresh(false).AutoClear(true).Start(context =>
        {
            ProgressTask progress = context.AddTask("rows", maxValue: rows);
            int started = 0;
            return runner.Run((workload, subject) =>
            {
                progress.Description = $"{workload.Name} · {subject.Name}";
                progress.Value = started++;
                context.Refresh();
            });
        });
}
