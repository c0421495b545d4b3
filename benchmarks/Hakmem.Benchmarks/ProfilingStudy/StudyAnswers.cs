using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// The study's questions as comparisons of two rows each: the operations a second of the one over those of the other.
/// </summary>
internal static class StudyAnswers
{
    /// <summary>What is changed, in which configuration, from which.</summary>
    public static IReadOnlyList<(string Question, string With, string Without)> Questions { get; } =
    [
        ("prefault (MADV_WILLNEED), huge pages off", "thp-off+prefault", "thp-off"),
        ("prefault (MADV_WILLNEED), huge pages auto", "prefault", "defaults"),
        ("prefault (MADV_WILLNEED), huge pages on", "thp-on+prefault", "thp-on"),
        ("huge pages off instead of auto", "thp-off", "defaults"),
        ("huge pages on instead of auto", "thp-on", "defaults"),
        ("populate, huge pages auto", "populate", "defaults"),
        ("populate, huge pages on", "thp-on+populate", "thp-on"),
        ("huge pages and populate instead of neither", "thp-on+populate", "defaults"),
        ("discard at once instead of keeping for a while", "lazy-zero-on", "defaults"),
        ("never discard instead of keeping for a while", "lazy-zero-off", "defaults"),
    ];

    /// <summary>A row for each question, a column for each scenario.</summary>
    public static ReportTable Table(StudyResults results)
    {
        StudyScenario[] scenarios = [.. StudyScenario.All.Where(scenario => results.Ours(scenario) is not null)];
        return new ReportTable(
            "",
            ["switch", .. scenarios.Select(scenario => scenario.Name)],
            [
                .. Questions.Select(question => (IReadOnlyList<string>)
                [
                    question.Question,
                    .. scenarios.Select(scenario => Answer(
                        results.Ours(scenario, question.With), results.Ours(scenario, question.Without))),
                ]),
            ]);
    }

    /// <summary>Where a warm operation's time goes, by the rows of the default configuration.</summary>
    public static ReportTable Gap(StudyResults results)
    {
        List<IReadOnlyList<string>> rows = [];
        StudyScenario[] scenarios =
        [
            StudyScenario.TinyHotCold, StudyScenario.TinyHot, StudyScenario.RandomMixedCold, StudyScenario.RandomMixed,
        ];
        foreach (StudyScenario scenario in scenarios)
        {
            if (results.Ours(scenario) is { } ours && results.Find(scenario, "null") is { } empty &&
                results.Find(scenario, "nativememory") is { } native)
            {
                double share = empty.Nanoseconds.Median / ours.Nanoseconds.Median;
                rows.Add(
                [
                    scenario.Name,
                    Format.Spread(ours.Nanoseconds, Format.Time),
                    Format.Spread(empty.Nanoseconds, Format.Time),
                    Format.Share(Math.Min(1, share)),
                    Format.Time(Math.Max(0, ours.Nanoseconds.Median - empty.Nanoseconds.Median)),
                    Format.Spread(native.Nanoseconds, Format.Time),
                ]);
            }
        }

        return new ReportTable(
            "",
            ["scenario", "an operation", "the empty loop", "its share", "the allocator's part", "NativeMemory"],
            rows);
    }

    private static string Answer(StudyRow? with, StudyRow? without) =>
        with is null || without is null ? "" : Format.Difference(with.Rate, without.Rate);
}
