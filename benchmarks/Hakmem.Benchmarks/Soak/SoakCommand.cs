using System;
using System.CommandLine;
using System.Globalization;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Spectre.Console;

namespace Hakmem.Benchmarks.Soak;

/// <summary>The <c>soak</c> command: does everything still hold after minutes, or after a night?</summary>
internal static class SoakCommand
{
    private const double DefaultMinutes = 10;

    private static readonly Option<double> s_minutes = new("--minutes")
    {
        Description = "How long to run.",
        DefaultValueFactory = _ => DefaultMinutes,
    };

    private static readonly Option<int?> s_seed = new("--seed") { Description = "What the random numbers start from; drawn and printed by default." };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("soak", "Runs mixed loads on several threads with everything verified; fails on the first discrepancy or growth.")
        {
            s_minutes, s_seed,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        TimeSpan duration = TimeSpan.FromMinutes(parsed.GetValue(s_minutes));
        int seed = parsed.GetValue(s_seed) ?? Random.Shared.Next();
        IAnsiConsole console = TerminalConsole.Create();
        console.WriteLine($"{duration.TotalMinutes.ToString(CultureInfo.InvariantCulture)} minutes of soak, seed {seed}");
        SoakSample? last = null;
        try
        {
            SoakDisplay.Show(console, show =>
            {
                using SoakRun run = new(duration, seed, show);
                try
                {
                    run.Run();
                }
                finally
                {
                    last = run.Sample();
                }
            });
        }
#pragma warning disable CA1031 // Whatever went wrong, the run has failed, and says with which seed.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            console.WriteLine($"FAILED with --seed {seed}: {failure}");
            return 1;
        }

        foreach ((string load, long steps) in last!.Steps.OrderByDescending(load => load.Steps))
        {
            console.WriteLine($"  {load}: {steps.ToString("N0", CultureInfo.InvariantCulture)} steps");
        }

        console.WriteLine(SoakDisplay.LineOf(last));
        console.WriteLine("Everything held.");
        return 0;
    }
}
