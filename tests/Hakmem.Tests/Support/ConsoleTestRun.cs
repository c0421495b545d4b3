using System;
using System.Linq;
using System.Threading.Tasks;
using Xunit.Runner.InProc.SystemConsole;

namespace Hakmem.Tests.Support;

// The console run. Its last line is exactly `N passed, N failed` (and `, N skipped` when some were), for people and for scripts; the lines before
// it name what failed, and say why tests were skipped, so that the end of a long log is enough.
// xunit's own options work unchanged; one that names another reporter gets that reporter's output and no such line.
internal static class ConsoleTestRun
{
    public static async Task<int> RunAsync(string[] args)
    {
        string[] options = args;
        if (!args.Contains("-reporter", StringComparer.OrdinalIgnoreCase))
        {
            options = [.. options, "-reporter", CountingReporter.Switch];
        }

        // Colours would put escape codes on the last line of a log.
        if (Console.IsOutputRedirected && !args.Contains("-noColor", StringComparer.OrdinalIgnoreCase))
        {
            options = [.. options, "-noColor"];
        }

        int exitCode = await ConsoleRunner.Run(options);
        if (CountingReporter.Counts is { } counts)
        {
            foreach (string failed in CountingReporter.Failed)
            {
                await Console.Out.WriteLineAsync("FAILED " + failed);
            }

            foreach ((string reason, int count) in CountingReporter.Skipped.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            {
                await Console.Out.WriteLineAsync($"SKIPPED {count}: {reason}");
            }

            await Console.Out.WriteLineAsync(counts.ToString());

            // A filter with a slip in it must not look like success.
            exitCode = counts.Total == 0 ? Math.Max(exitCode, 1) : exitCode;
        }

        return exitCode;
    }
}
