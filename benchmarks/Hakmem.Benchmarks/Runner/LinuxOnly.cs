using System;
using System.CommandLine;

namespace Hakmem.Benchmarks.Runner;

/// <summary>Commands that measure by what only Linux tells.</summary>
internal static class LinuxOnly
{
    /// <summary>Makes a command an error on another system, before it starts anything.</summary>
    /// <param name="command">The command.</param>
    /// <param name="source">What it has its figures from.</param>
    public static void Require(Command command, string source) => command.Validators.Add(result =>
    {
        if (!OperatingSystem.IsLinux())
        {
            result.AddError($"'{command.Name}' needs Linux: its figures are from {source}.");
        }
    });
}
