using System.Collections.Generic;
using System.Globalization;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>What the project asks of itself in the study's scenarios, and what came of it.</summary>
internal static class StudyBars
{
    private const double LeastRate = 50e6;
    private const double MostTimesTinyHot = 3;
    private const double MostFaults = 300;
    private const double MostFirstTouch = 0.5;
    private const string FastestTouch = "thp-on+populate";
    private const string Native = "nativememory";
    private const string EmptyLoop = "null";

    /// <summary>A table with a row for each bar whose scenarios were run.</summary>
    public static ReportTable Table(StudyResults results)
    {
        List<IReadOnlyList<string>> rows = [];
        StudyRow? mixed = results.Ours(StudyScenario.RandomMixed);
        if (mixed is not null)
        {
            rows.Add(Row(
                "Random Mixed, warm: at least 50 M operations a second in a quiet round",
                $"{Format.Rate(mixed.Rate.Most)} in the best process, median {Format.Rate(mixed.Rate.Median)}",
                mixed.Rate.Most >= LeastRate));
        }

        if (mixed is not null && results.Ours(StudyScenario.TinyHot) is { } tiny)
        {
            double times = mixed.Nanoseconds.Median / tiny.Nanoseconds.Median;
            rows.Add(Row("Random Mixed within 3 times Tiny Hot's time an operation", $"{Number(times)} times", times <= MostTimesTinyHot));
        }

        AddCold(results, rows);
        AddFirstTouch(results, rows);
        return new ReportTable("", ["bar", "measured", "met"], rows);
    }

    private static void AddCold(StudyResults results, List<IReadOnlyList<string>> rows)
    {
        StudyScenario scenario = StudyScenario.RandomMixedCold;
        if (results.Ours(scenario) is not { } ours || results.Find(scenario, Native) is not { } native || results.Find(scenario, EmptyLoop) is not { } empty)
        {
            return;
        }

        double ratio = ours.Nanoseconds.Median / native.Nanoseconds.Median;
        double total = ours.Nanoseconds.Median * ours.Timed[0].Operations;
        rows.Add(Row(
            "a fresh process's million operations: no slower than NativeMemory's",
            $"{Format.Time(total)}, {Number(ratio)} of NativeMemory's ({Format.Difference(ours.Nanoseconds, native.Nanoseconds)})",
            ratio <= 1 || (Spread.CanDiffer(ours.Nanoseconds, native.Nanoseconds) && ours.Nanoseconds.DifferenceFrom(native.Nanoseconds) is null)));

        double faults = ours.Of(process => process.Process.MinorFaults).Median - empty.Of(process => process.Process.MinorFaults).Median;
        rows.Add(Row(
            "page faults of the whole Random Mixed process, less those of a process with the empty loop: under 300",
            $"{Format.Count(faults)}",
            faults < MostFaults));
    }

    private static void AddFirstTouch(StudyResults results, List<IReadOnlyList<string>> rows)
    {
        StudyScenario scenario = StudyScenario.FirstTouch;
        if (results.Ours(scenario, FastestTouch) is { } ours && results.Find(scenario, Native) is { } native)
        {
            double ratio = ours.Nanoseconds.Median / native.Nanoseconds.Median;
            long blocks = ours.Timed[0].Operations;
            rows.Add(Row(
                "populate and huge pages: first touch of 512 MiB in at most 0.5 of NativeMemory's time",
                $"{Format.Time(ours.Nanoseconds.Median * blocks)} against {Format.Time(native.Nanoseconds.Median * blocks)}: {Number(ratio)}",
                ratio <= MostFirstTouch));
        }
    }

    private static string[] Row(string bar, string measured, bool isMet) => [bar, measured, isMet ? "yes" : "no"];

    private static string Number(double ratio) => ratio.ToString("0.00", CultureInfo.InvariantCulture);
}
