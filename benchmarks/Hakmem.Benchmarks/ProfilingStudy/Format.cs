using System;
using System.Globalization;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>Figures as the report shows them.</summary>
internal static class Format
{
    /// <summary>What stands where this machine or user cannot measure.</summary>
    public const string NotAvailable = "not available here";

    private const double BytesPerMiB = 1 << 20;

    /// <summary>A median with its spread, which is left out where all figures look the same.</summary>
    public static string Spread(Spread value, Func<double, string> format)
    {
        (string least, string median, string most) = (format(value.Least), format(value.Median), format(value.Most));
        return least == most ? median : $"{median} ({least}–{most})";
    }

    public static string Rate(double perSecond) => perSecond switch
    {
        >= 1e6 => Number(perSecond / 1e6) + " M",
        >= 1e3 => Number(perSecond / 1e3) + " k",
        _ => Number(perSecond),
    };

    /// <summary>Nanoseconds in the unit that makes them short.</summary>
    public static string Time(double nanoseconds) => nanoseconds switch
    {
        >= 1e6 => Number(nanoseconds / 1e6) + " ms",
        >= 1e3 => Number(nanoseconds / 1e3) + " µs",
        _ => Number(nanoseconds) + " ns",
    };

    public static string MiB(double bytes) => (bytes / BytesPerMiB).ToString("0.0", CultureInfo.InvariantCulture);

    public static string Count(double count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Three significant digits or so.</summary>
    public static string Number(double number) => number.ToString(
        Math.Abs(number) switch
        {
            0 => "0",
            < 0.001 => "0.0E+0",
            < 1 => "0.000",
            < 10 => "0.00",
            < 100 => "0.0",
            _ => "N0",
        },
        CultureInfo.InvariantCulture);

    public static string Share(double share) => (share * 100).ToString(share < 0.1 ? "0.0" : "0", CultureInfo.InvariantCulture) + " %";

    /// <summary>
    /// A difference of medians; "none" where the spreads overlap, "too few runs" where there cannot be one.
    /// </summary>
    public static string Difference(Spread value, Spread reference)
    {
        if (value.DifferenceFrom(reference) is { } difference)
        {
            return (difference * 100).ToString("+0.0;-0.0", CultureInfo.InvariantCulture) + " %";
        }

        return ProfilingStudy.Spread.CanDiffer(value, reference) ? "none" : "too few runs";
    }
}
