using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime;
using System.Runtime.InteropServices;
using Spectre.Console;

namespace Hakmem.AspNetCore.Benchmarks.Runner;

/// <summary>Where figures come from: without it they cannot be compared with anything.</summary>
internal static class Header
{
    /// <summary>Prints the machine, the runtime, and how busy it was.</summary>
    public static void Write(IAnsiConsole console)
    {
        string cpu = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal)) ?? ": unknown";
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{DateTimeOffset.Now:yyyy-MM-dd} · {cpu[(cpu.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()}, {Environment.ProcessorCount} processors");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{RuntimeInformation.FrameworkDescription}, {(GCSettings.IsServerGC ? "server" : "workstation")} GC · load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]}");
    }
}
