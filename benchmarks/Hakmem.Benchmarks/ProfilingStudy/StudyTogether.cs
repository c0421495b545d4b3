using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>Makes one report out of several runs: what held in all of them, and what one run alone says.</summary>
internal static class StudyTogether
{
    private static readonly string[] s_others = ["nativememory", "null"];

    /// <summary>The report.</summary>
    /// <param name="runs">The runs; there must be one.</param>
    public static Report Of(IReadOnlyList<StudyResults> runs)
    {
        string machines = Count(runs.Select(MachineOf).Distinct().Count(), "machine");
        return new Report(
            "The study of the original HAKMEM, several runs together",
            [
                new ReportSection(
                    "Runs",
                    [
                        $"{Count(runs.Count, "run")} on {machines}. A machine is a processor's name with the number " +
                        "of processors and the policy for huge pages.",
                    ],
                    [RunsTable(runs)],
                    []),
                new ReportSection(
                    "What the switches change",
                    [
                        "The time with the switch over that without it: the median of the runs' ratios of medians, " +
                        "with the least and the most. A run says faster or slower only if its processes' ranges do " +
                        "not overlap. What rests on one run is marked.",
                    ],
                    [.. StudyScenario.All.Select(scenario => Switches(runs, scenario)).OfType<ReportTable>()],
                    []),
                new ReportSection(
                    "Times",
                    [
                        "Nanoseconds an operation: the median of the runs' medians, with the least and the most. The " +
                        "last columns are Hakmem's time over that of NativeMemory and of the empty loop, run by run.",
                    ],
                    [Times(runs)],
                    []),
            ]);
    }

    /// <summary>What several runs say of a switch.</summary>
    /// <param name="differences">Each run's difference of rates, as a share; null where the ranges overlap.</param>
    /// <param name="machineCount">On how many machines they ran.</param>
    public static string Verdict(IReadOnlyList<double?> differences, int machineCount)
    {
        int faster = differences.Count(difference => difference > 0);
        int slower = differences.Count(difference => difference < 0);
        int none = differences.Count - faster - slower;
        string where = $"{Count(differences.Count, "run")}, {Count(machineCount, "machine")}";
        return differences.Count == 1
            ? $"{(faster == 1 ? "faster" : slower == 1 ? "slower" : "no difference")} (one run)"
            : faster == differences.Count ? $"faster in all ({where})"
            : slower == differences.Count ? $"slower in all ({where})"
            : none == differences.Count ? $"no difference in any ({where})"
            : $"differs: {faster} faster, {slower} slower, {none} without difference ({where})";
    }

    private static string MachineOf(StudyResults run) =>
        $"{run.Environment.Cpu}, {run.Environment.ProcessorCount} processors, " +
        $"huge pages {run.Environment.TransparentHugePages}";

    private static ReportTable RunsTable(IReadOnlyList<StudyResults> runs) => new(
        "",
        ["date", "machine", "memory", "kernel", "runtime", "load average", "processes a row"],
        [
            .. runs.Select(run => (IReadOnlyList<string>)
            [
                run.Environment.Date.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture),
                MachineOf(run),
                $"{Format.MiB(run.Environment.MemoryBytes)} MiB",
                run.Environment.Kernel,
                run.Environment.Runtime,
                run.Environment.LoadAverageText,
                run.Rounds.ToString(CultureInfo.InvariantCulture),
            ]),
        ]);

    // Null for a scenario that no run has.
    private static ReportTable? Switches(IReadOnlyList<StudyResults> runs, StudyScenario scenario)
    {
        List<IReadOnlyList<string>> rows = [];
        foreach ((string question, string with, string without) in StudyAnswers.Questions)
        {
            (StudyResults Run, StudyRow With, StudyRow Without)[] answers =
            [
                .. runs
                    .Select(run => (run, run.Ours(scenario, with), run.Ours(scenario, without)))
                    .Where(answer => answer.Item2 is not null && answer.Item3 is not null)
                    .Select(answer => (answer.run, answer.Item2!, answer.Item3!)),
            ];
            if (answers.Length > 0)
            {
                Spread ratio = Spread.Of(
                    answers.Select(answer => answer.With.Nanoseconds.Median / answer.Without.Nanoseconds.Median));
                rows.Add(
                [
                    question,
                    Format.Spread(ratio, Format.Number),
                    Verdict(
                        [.. answers.Select(answer => answer.With.Rate.DifferenceFrom(answer.Without.Rate))],
                        answers.Select(answer => MachineOf(answer.Run)).Distinct().Count()),
                ]);
            }
        }

        return rows.Count == 0 ? null : new ReportTable(scenario.Name, ["switch", "time", "verdict"], rows);
    }

    private static ReportTable Times(IReadOnlyList<StudyResults> runs)
    {
        List<IReadOnlyList<string>> rows = [];
        foreach (StudyScenario scenario in StudyScenario.All)
        {
            StudyResults[] measured = [.. runs.Where(run => run.Ours(scenario) is not null)];
            if (measured.Length > 0)
            {
                rows.Add(
                [
                    scenario.Name,
                    Count(measured.Length, "run"),
                    Format.Spread(
                        Spread.Of(measured.Select(run => run.Ours(scenario)!.Nanoseconds.Median)), Format.Time),
                    .. s_others.Select(other => Over(measured, scenario, other)),
                ]);
            }
        }

        return new ReportTable(
            "",
            ["scenario", "runs", $"{SubjectCatalog.Hakmem}, defaults", .. s_others.Select(other => $"over {other}")],
            rows);
    }

    private static string Over(StudyResults[] runs, StudyScenario scenario, string other)
    {
        double[] ratios =
        [
            .. runs
                .Where(run => run.Find(scenario, other) is not null)
                .Select(run => run.Ours(scenario)!.Nanoseconds.Median / run.Find(scenario, other)!.Nanoseconds.Median),
        ];
        return ratios.Length == 0 ? ProcessFigures.NotAvailable : Format.Spread(Spread.Of(ratios), Format.Number);
    }

    private static string Count(int count, string what) => count == 1 ? $"one {what}" : $"{count} {what}s";
}
