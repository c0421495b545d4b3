using System;
using Spectre.Console;

namespace Hakmem.Benchmarks.Runner;

/// <summary>The console, made wide enough for the tables where the output is a file or a pipe.</summary>
internal static class TerminalConsole
{
    // A file has no width; the library's default of 80 would break every row.
    private const int RedirectedWidth = 160;

    /// <summary>The console to print on.</summary>
    public static IAnsiConsole Create()
    {
        IAnsiConsole console = AnsiConsole.Console;
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = RedirectedWidth;
        }

        return console;
    }
}
