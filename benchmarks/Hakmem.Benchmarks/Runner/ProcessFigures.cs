using System;
using System.Globalization;
using System.IO;

namespace Hakmem.Benchmarks.Runner;

/// <summary>What the kernel counts for this process, read from procfs (proc(5)).</summary>
internal static class ProcessFigures
{
    private const long BytesPerKiB = 1024;

    // Field 10 of /proc/self/stat, counted from one; what follows the command's closing parenthesis starts at field 3.
    private const int MinorFaultsField = 10 - 3;

    /// <summary>Bytes resident now.</summary>
    public static long ResidentBytes => StatusBytes("VmRSS:");

    /// <summary>The most bytes that have been resident at once.</summary>
    public static long PeakResidentBytes => StatusBytes("VmHWM:");

    /// <summary>Page faults of all threads so far that needed no disk.</summary>
    public static long MinorFaults
    {
        get
        {
            string stat = File.ReadAllText("/proc/self/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return long.Parse(fields[MinorFaultsField], CultureInfo.InvariantCulture);
        }
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
