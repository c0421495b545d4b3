using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime;
using System.Runtime.InteropServices;
using Hakmem.Benchmarks.Runner;
using Spectre.Console;

namespace Hakmem.AspNetCore.Benchmarks.Runner;

/// <summary>Where figures come from: without it they cannot be compared with anything.</summary>
internal static class Header
{
    /// <summary>Prints the machine, the runtime, and how busy it was.</summary>
    public static void Write(IAnsiConsole console)
    {
        string? model = TryRead("/proc/cpuinfo")?.Split('\n').FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal));
        string cpu = model?[(model.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ??
            Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? RuntimeInformation.ProcessArchitecture.ToString();
        string load = TryRead("/proc/loadavg")?.Split(' ')[0] ?? ProcessFigures.NotAvailable;
        console.MarkupLineInterpolated(
            CultureInfo.InvariantCulture, $"{DateTimeOffset.Now:yyyy-MM-dd} · {cpu}, {Environment.ProcessorCount} processors");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{RuntimeInformation.FrameworkDescription}, {(GCSettings.IsServerGC ? "server" : "workstation")} GC · load average {load}");
    }

    private static string? TryRead(string path) => File.Exists(path) ? File.ReadAllText(path) : null;
}
