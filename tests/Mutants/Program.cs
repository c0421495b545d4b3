using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using Spectre.Console;

namespace Hakmem.Mutants;

/// <summary>
/// Puts plausible slips into the library, one at a time and in a copy of the sources, and sees whether the tests that are to notice them fail.
/// </summary>
internal static class Program
{
    private const int ReportWidth = 200;

    private static readonly Option<string> s_only = new("--only") { Description = "Only slips whose name or file has this text.", DefaultValueFactory = _ => "" };

    private static readonly Option<string> s_configuration = new("--configuration", "-c")
    {
        Description = "Debug (with checks of locks) or Release.",
        DefaultValueFactory = _ => "Release",
    };

    private static readonly Option<int> s_seconds = new("--seconds")
    {
        Description = "How long a slip's tests may run; one that hangs counts as caught.",
        DefaultValueFactory = _ => 300,
    };

    private static int Main(string[] arguments)
    {
        // A line of the report stays one where it goes into a file.
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, ReportWidth);
        RootCommand root = new("Applies a list of slips one at a time and reports which the tests catch.") { s_only, s_configuration, s_seconds };
        root.SetAction(Run);
        return root.Parse(arguments).Invoke();
    }

    private static int Run(ParseResult parsed)
    {
        string only = parsed.GetValue(s_only)!;
        TimeSpan limit = TimeSpan.FromSeconds(parsed.GetValue(s_seconds));
        IReadOnlyList<Mutant> mutants =
        [
            .. MutantList.Read(Path.Combine(FindRoot(), "tests", "Mutants", "mutants.txt")).Where(mutant =>
                mutant.Name.Contains(only, StringComparison.OrdinalIgnoreCase) || mutant.File.Contains(only, StringComparison.OrdinalIgnoreCase)),
        ];
        using SourceCopy sources = new(FindRoot(), parsed.GetValue(s_configuration)!);
        if (FindFailureWithoutSlips(sources, mutants, limit) is { } failure)
        {
            AnsiConsole.WriteLine(failure);
            return 2;
        }

        int caught = 0;
        int missed = 0;
        int equivalent = 0;
        foreach (Mutant mutant in mutants)
        {
            Stopwatch time = Stopwatch.StartNew();
            string verdict = Try(sources, mutant, limit);
            caught += verdict == "caught" ? 1 : 0;
            equivalent += verdict == "equivalent" ? 1 : 0;
            missed += verdict is "caught" or "equivalent" ? 0 : 1;
            AnsiConsole.WriteLine($"{verdict,-10}  {time.Elapsed.TotalSeconds,4:0} s  {mutant.Name}  ({mutant.File})");
        }

        AnsiConsole.WriteLine($"{caught} caught, {missed} missed, {equivalent} equivalent");
        return missed == 0 ? 0 : 1;
    }

    // The tests have to pass where nothing was changed, or a failure would tell nothing.
    private static string? FindFailureWithoutSlips(SourceCopy sources, IReadOnlyList<Mutant> mutants, TimeSpan limit)
    {
        foreach (IGrouping<string, Mutant> ofProject in mutants.GroupBy(mutant => mutant.Project))
        {
            if (sources.Build(ofProject.Key) is { } output)
            {
                return output;
            }

            foreach (string filters in ofProject.Select(mutant => string.Join(' ', mutant.Filters)).Distinct())
            {
                if (!sources.Test(ofProject.Key, limit, filters.Split(' ')))
                {
                    return $"The tests {filters} of {ofProject.Key} fail without any slip, or there are none.";
                }
            }
        }

        return null;
    }

    private static string Try(SourceCopy sources, Mutant mutant, TimeSpan limit)
    {
        if (mutant.Equivalent is not null)
        {
            return "equivalent";
        }

        using (sources.Apply(mutant))
        {
            return sources.Build(mutant.Project) is not null
                ? "no build"
                : sources.Test(mutant.Project, limit, [.. mutant.Filters, "-stopOnFail"]) ? "MISSED" : "caught";
        }
    }

    private static string FindRoot([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", ".."));
}
