using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Runner;

/// <summary>Where results come from: without it a figure cannot be compared with anything.</summary>
internal sealed record BenchmarkEnvironment
{
    /// <summary>When the run started.</summary>
    public required DateTimeOffset Date { get; init; }

    /// <summary>The processor as the kernel names it.</summary>
    public required string Cpu { get; init; }

    /// <summary>Processors that the run could use.</summary>
    public required int ProcessorCount { get; init; }

    /// <summary>Bytes of memory that the run could use.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>The operating system.</summary>
    public required string OperatingSystem { get; init; }

    /// <summary>The kernel's release.</summary>
    public required string Kernel { get; init; }

    /// <summary>The .NET runtime.</summary>
    public required string Runtime { get; init; }

    /// <summary>The kernel's policy for transparent huge pages, which moves every row that touches much memory.</summary>
    public required string TransparentHugePages { get; init; }

    /// <summary>
    /// Threads that wanted a processor in the minute before the run, on average: what other programs take from the figures. Null where
    /// the system does not say.
    /// </summary>
    public required double? LoadAverage { get; init; }

    /// <summary>The same for people.</summary>
    [JsonIgnore]
    public string LoadAverageText => LoadAverage?.ToString(CultureInfo.InvariantCulture) ?? ProcessFigures.NotAvailable;

    /// <summary>The version of the native mimalloc, or null when there is none.</summary>
    public required string? MimallocVersion { get; init; }

    /// <summary>Hakmem's version.</summary>
    public required string HakmemVersion { get; init; }

    /// <summary>Looks around.</summary>
    public static BenchmarkEnvironment Current() => new()
    {
        Date = DateTimeOffset.Now,
        Cpu = Field("/proc/cpuinfo", "model name", ':') ??
            Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER") ?? RuntimeInformation.ProcessArchitecture.ToString(),
        ProcessorCount = Environment.ProcessorCount,
        MemoryBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        OperatingSystem = Field("/etc/os-release", "PRETTY_NAME", '=')?.Trim('"') ?? RuntimeInformation.OSDescription,
        Kernel = Environment.OSVersion.Version.ToString(),
        Runtime = $"{RuntimeInformation.FrameworkDescription} {RuntimeInformation.RuntimeIdentifier}",
        TransparentHugePages = TryRead("/sys/kernel/mm/transparent_hugepage/enabled") ?? ProcessFigures.NotAvailable,
        LoadAverage = TryRead("/proc/loadavg") is { } load
            ? double.Parse(load.Split(' ')[0], CultureInfo.InvariantCulture)
            : null,
        MimallocVersion = MimallocLibrary.Version,
        HakmemVersion = typeof(HakmemAllocator).Assembly.GetName().Version?.ToString(3) ?? "unknown",
    };

    private static string? Field(string path, string name, char separator)
    {
        string? line = TryRead(path)?.Split('\n').FirstOrDefault(candidate => candidate.StartsWith(name, StringComparison.Ordinal));
        return line?[(line.IndexOf(separator) + 1)..].Trim();
    }

    private static string? TryRead(string path) => File.Exists(path) ? File.ReadAllText(path).Trim() : null;
}
