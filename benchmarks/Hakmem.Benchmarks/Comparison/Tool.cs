using System;
using System.Diagnostics;
using System.Linq;
using System.Threading.Tasks;

namespace Hakmem.Benchmarks.Comparison;

/// <summary>Runs a command-line tool to its end.</summary>
internal static class Tool
{
    private const int LastLines = 20;

    /// <summary>Runs a tool in a directory and gives what it printed, without the last line's end.</summary>
    /// <exception cref="CommandFailedException">It did not start, or its exit code was not zero.</exception>
    public static string Run(string directory, string name, params string[] arguments)
    {
        ProcessStartInfo start = new(name, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(start)
                ?? throw new CommandFailedException($"{name} did not start.");
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            process.WaitForExit();
            return process.ExitCode == 0
                ? output.Result.TrimEnd('\n')
                : throw new CommandFailedException(
                    $"`{name} {string.Join(' ', arguments)}` ended with {process.ExitCode}:\n"
                    + Last(output.Result + errors.Result));
        }
        catch (System.ComponentModel.Win32Exception failure)
        {
            throw new CommandFailedException($"{name} did not start: {failure.Message}", failure);
        }
    }

    private static string Last(string text) =>
        string.Join('\n', text.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(LastLines));
}
