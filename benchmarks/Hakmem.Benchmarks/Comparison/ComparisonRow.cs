using System.Collections.Generic;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.ProfilingStudy;

namespace Hakmem.Benchmarks.Comparison;

/// <summary>One workload with one subject in both builds. Each process counts with its fastest round.</summary>
/// <param name="Workload">The workload's name.</param>
/// <param name="Subject">The subject's name.</param>
/// <param name="Base">Nanoseconds an operation in the base's processes.</param>
/// <param name="Current">Nanoseconds an operation in the current build's processes.</param>
internal sealed record ComparisonRow(string Workload, string Subject, Spread Base, Spread Current)
{
    /// <summary>The current build's median over the base's: above 1 is slower.</summary>
    public double RatioOfMedians => Current.Median / Base.Median;

    /// <summary>The same of the fastest processes.</summary>
    public double RatioOfFastest => Current.Least / Base.Least;

    /// <summary>Sums both builds' processes up; there must be one of each.</summary>
    public static ComparisonRow From(
        string workload,
        string subject,
        IEnumerable<Measurement> baseProcesses,
        IEnumerable<Measurement> currentProcesses) =>
        new(workload, subject, SpreadOf(baseProcesses), SpreadOf(currentProcesses));

    /// <summary>Whether the medians' ratio exceeds a limit and the ranges do not overlap.</summary>
    public bool IsSlowerThan(double limit) => Current.DifferenceFrom(Base) > 0 && RatioOfMedians > limit;

    private static Spread SpreadOf(IEnumerable<Measurement> processes) =>
        Spread.Of(processes.Select(process => process.Nanoseconds));
}
