using System;
using System.CommandLine;
using System.Globalization;
using Hakmem.Benchmarks.Runner;

namespace Hakmem.Benchmarks.Failures;

/// <summary>The <c>failures</c> command: what requests that fail at a heap's limit cost, and what they cost the threads beside them.</summary>
internal static class FailuresCommand
{
    private const int DefaultSamples = 30;

    private static readonly int[] s_threads = [2, 3, 100];
    private static readonly int[] s_sizes = [64 << 10, 1 << 20, 4 << 20];

    private static readonly Option<int> s_samples = new("--samples")
    {
        Description = "How many pairs of times, with and without failing requests.",
        DefaultValueFactory = _ => DefaultSamples,
    };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("failures", "Measures requests that fail at a heap's limit, and a neighbour's speed beside them.") { s_samples };
        LinuxOnly.Require(command, "/proc, which says how long a thread waited for a processor");
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        Console.WriteLine("threads    bytes  neighbour's speed   us a request   worst");
        foreach (int threads in s_threads)
        {
            foreach (int bytes in s_sizes)
            {
                using FailingRun run = new(threads, (nuint)bytes, parsed.GetValue(s_samples));
                (double speed, double mean, double worst) = run.Run();
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{threads,7} {bytes,8} {speed,18:P0} {mean,14:F1} {worst,7:F0}"));
            }
        }

        return 0;
    }
}
