using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;

namespace Hakmem.Benchmarks.Runner;

/// <summary>What the operating system counts for this process: on Linux read from procfs (proc(5)), elsewhere what the
/// framework can tell.</summary>
internal static class ProcessFigures
{
    /// <summary>What tables print in the place of a figure that this system does not have.</summary>
    public const string NotAvailable = "not available here";

    private const long BytesPerKiB = 1024;

    // Of clear_refs: sets VmHWM to VmRSS (proc(5)).
    private const string ResetPeakCode = "5";

    // Field 10 of /proc/self/stat, counted from one; what follows the command's closing parenthesis starts at field 3.
    private const int MinorFaultsField = 10 - 3;

    /// <summary>Bytes resident now.</summary>
    public static long ResidentBytes =>
        OperatingSystem.IsLinux() ? StatusBytes("VmRSS:") : OfProcess(process => process.WorkingSet64);

    /// <summary>The most bytes that have been resident at once.</summary>
    public static long PeakResidentBytes =>
        OperatingSystem.IsLinux() ? StatusBytes("VmHWM:") : OfProcess(process => process.PeakWorkingSet64);

    /// <summary>Has <see cref="PeakResidentBytes"/> begin again at what is resident now.</summary>
    /// <returns>False where the system cannot, or does not let this process: then the peak is still that of its whole
    /// life.</returns>
    public static bool TryResetPeak()
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            File.WriteAllText("/proc/self/clear_refs", ResetPeakCode);
            return true;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>How many threads the process has.</summary>
    public static long ThreadCount => OperatingSystem.IsLinux()
        ? Directory.GetDirectories("/proc/self/task").Length
        : OfProcess(process => process.Threads.Count);

    /// <summary>Page faults of all threads so far that needed no disk; null where only Linux counts them.</summary>
    public static long? MinorFaults
    {
        get
        {
            if (!OperatingSystem.IsLinux())
            {
                return null;
            }

            string stat = File.ReadAllText("/proc/self/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return long.Parse(fields[MinorFaultsField], CultureInfo.InvariantCulture);
        }
    }

    private static long OfProcess(Func<Process, long> figure)
    {
        using Process process = Process.GetCurrentProcess();
        return figure(process);
    }

    private static long StatusBytes(string name)
    {
        foreach (string line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                ReadOnlySpan<char> kibibytes = line.AsSpan(name.Length).Trim().TrimEnd("kB").Trim();
                return long.Parse(kibibytes, NumberStyles.None, CultureInfo.InvariantCulture) * BytesPerKiB;
            }
        }

        throw new InvalidDataException($"/proc/self/status has no {name}");
    }
}
