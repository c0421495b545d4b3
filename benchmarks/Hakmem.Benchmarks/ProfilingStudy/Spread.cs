using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>A figure of several processes: the middle one, and from where to where they go.</summary>
/// <param name="Median">The middle figure.</param>
/// <param name="Least">The smallest.</param>
/// <param name="Most">The largest.</param>
/// <param name="Count">How many processes.</param>
internal readonly record struct Spread(double Median, double Least, double Most, int Count)
{
    // Three and three that do not overlap come about by chance once in ten; four and four once in 35.
    private const int FewestForADifference = 3;

    /// <summary>Sums figures up; there must be one.</summary>
    public static Spread Of(IEnumerable<double> figures)
    {
        double[] sorted = [.. figures.Order()];
        int middle = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Spread(median, sorted[0], sorted[^1], sorted.Length);
    }

    /// <summary>
    /// How far this median is from another's, as a share of that; null if the two ranges overlap, or there are too few
    /// processes to tell.
    /// </summary>
    public double? DifferenceFrom(Spread other)
    {
        bool isWithinSpread = Least <= other.Most && other.Least <= Most;
        return isWithinSpread || !CanDiffer(this, other) || other.Median == 0 ? null : (Median / other.Median) - 1;
    }

    /// <summary>Whether there are enough figures for a difference to mean something.</summary>
    public static bool CanDiffer(Spread one, Spread other) => Math.Min(one.Count, other.Count) >= FewestForADifference;
}
