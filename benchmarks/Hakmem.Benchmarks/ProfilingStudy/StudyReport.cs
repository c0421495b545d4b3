using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>Makes the report out of a run's results.</summary>
internal static class StudyReport
{
    private static readonly string[] s_calls = ["mmap", "munmap", "mprotect", "madvise"];

    /// <summary>The report.</summary>
    public static Report Of(StudyResults results) => new(
        "The study of the original HAKMEM, on this allocator",
        [
            About(results),
            new ReportSection("Bars", [], [StudyBars.Table(results)], []),
            new ReportSection(
                "What the switches change",
                [
                    "Operations a second with the switch over those without it, by medians. \"none\": the processes' figures overlap.",
                ],
                [StudyAnswers.Table(results)],
                []),
            new ReportSection(
                "Where the time of an operation goes",
                ["The defaults. Random Mixed's operation is an alloc or a free, Tiny Hot's is both."],
                [StudyAnswers.Gap(results)],
                []),
            .. StudyScenario.All
                .Where(scenario => results.Ours(scenario) is not null)
                .Select(scenario => Scenario(results, scenario)),
        ]);

    private static ReportSection About(StudyResults results)
    {
        BenchmarkEnvironment here = results.Environment;
        string date = here.Date.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        return new ReportSection(
            "How this came about",
            [
                $"{date}, in {results.Seconds:0} s: {here.Cpu}, {here.ProcessorCount} processors, {here.Runtime}, {here.OperatingSystem}, Linux {here.Kernel}, " +
                $"transparent huge pages {here.TransparentHugePages}, load average {here.LoadAverageText}.",
                $"Each figure is the median of {results.Rounds} processes that were started for it alone, with the least and the most in brackets. Configurations took turns, " +
                "round after round. A process's time is its fastest round's (cold scenarios have one). Two rows differ only if their ranges do not overlap: with three " +
                "processes each, chance does that once in 10 comparisons, with four once in 35, so look for the same sign in several columns.",
                "Faults, times and switches are the kernel's (getrusage), for all threads, over the timed rounds. System calls, samples and counters come from further " +
                "processes with instruments, in which every call of the allocator is kept out of line, so that samples can tell it from the loop; that makes it a little " +
                "dearer than it is inlined. Samples are of the measuring thread, each 0.1 ms of its processor time, by the kernel's software clock: shares of less than " +
                "a percent are noise, and a short scenario has few samples. \"page clearing\" is the kernel's own function for it.",
                .. results.Notes,
            ],
            [
                new ReportTable(
                    "Configurations",
                    ["name", "sets", "variables"],
                    [
                        .. StudyConfiguration.All.Select(configuration => (IReadOnlyList<string>)
                        [
                            configuration.Name,
                            configuration.Description,
                            string.Join(' ', configuration.Variables.Select(variable => $"{variable.Key}={variable.Value}")),
                        ]),
                    ]),
            ],
            []);
    }

    private static ReportSection Scenario(StudyResults results, StudyScenario scenario)
    {
        StudyRow[] rows = [.. results.Rows.Where(row => row.Scenario == scenario.Name)];
        return new ReportSection(
            scenario.Name,
            [$"{scenario.Workload.Definition}; an operation is one {scenario.Workload.Operation}. Shows {scenario.Shows}."],
            [TimedTable(rows), ProfileTable(rows)],
            [
                new BarChart("operations a second", [.. rows.Select(row => (NameOf(row), row.Rate, Format.Rate(row.Rate.Median)))]),
                new BarChart("minor page faults", [.. rows.Select(row => Faults(row))]),
            ]);
    }

    private static (string Label, Spread Value, string Text) Faults(StudyRow row)
    {
        Spread faults = row.Of(process => process.Timed.MinorFaults);
        return (NameOf(row), faults, Format.Count(faults.Median));
    }

    private static string NameOf(StudyRow row) =>
        row.Subject == SubjectCatalog.Hakmem ? row.Configuration : row.Subject switch
    {
        "null" => "(empty loop)",
        "nativememory" => "(NativeMemory)",
        _ => row.Subject,
    };

    private static ReportTable TimedTable(StudyRow[] rows)
    {
        Spread reference = rows[0].Rate;
        return new ReportTable(
            "Timed",
            [
                "configuration", "operations a second", "to defaults", "minor faults", "major faults", "faults an operation", "user ms", "system ms", "system share",
                "waits", "preempted", "resident MiB", "peak MiB", "faults of the process",
            ],
            [
                .. rows.Select((row, index) => (IReadOnlyList<string>)
                [
                    NameOf(row),
                    Format.Spread(row.Rate, Format.Rate),
                    index == 0 ? "" : Format.Difference(row.Rate, reference),
                    Text(row, process => process.Timed.MinorFaults, Format.Count),
                    Text(row, process => process.Timed.MajorFaults, Format.Count),
                    Format.Number(row.Of(process => process.Timed.MinorFaults / ((double)process.Operations * process.Rounds)).Median),
                    Text(row, process => process.Timed.UserMs, Format.Number),
                    Text(row, process => process.Timed.SystemMs, Format.Number),
                    Format.Share(row.Of(SystemShare).Median),
                    Text(row, process => process.Timed.VoluntarySwitches, Format.Count),
                    Text(row, process => process.Timed.InvoluntarySwitches, Format.Count),
                    Text(row, process => process.ResidentBytes, Format.MiB),
                    Text(row, process => process.PeakResidentBytes, Format.MiB),
                    Text(row, process => process.Process.MinorFaults, Format.Count),
                ]),
            ]);
    }

    private static ReportTable ProfileTable(StudyRow[] rows) => new(
        "Profiled",
        [
            "configuration", .. s_calls, "allocator", "loop", "runtime", "page clearing", "kernel otherwise",
            "cycles an operation", "instructions", "L1 misses", "dTLB misses",
        ],
        [
            .. rows.Where(row => row.Profiled.Count > 0).Select(row => (IReadOnlyList<string>)
            [
                NameOf(row),
                .. s_calls.Select(name => Calls(row, name)),
                .. Enum.GetValues<CodePlace>().Select(place => Optional(row.OfProfile(profile => ShareOf(profile, place)), Format.Share)),
                Counter(row, profile => profile.Cycles),
                Counter(row, profile => profile.Instructions),
                Counter(row, profile => profile.Level1Misses),
                Counter(row, profile => profile.TlbMisses),
            ]),
        ]);

    private static string Text(StudyRow row, Func<StudyMeasurement, double> figure, Func<double, string> format) =>
        Format.Spread(row.Of(figure), format);

    private static double SystemShare(StudyMeasurement process)
    {
        double all = process.Timed.UserMs + process.Timed.SystemMs;
        return all > 0 ? process.Timed.SystemMs / all : 0;
    }

    private static string Calls(StudyRow row, string name)
    {
        Spread? count = row.OfProfile(profile => profile.Calls.FirstOrDefault(call => call.Name == name)?.Count);
        Spread? time = row.OfProfile(profile => profile.Calls.FirstOrDefault(call => call.Name == name)?.Milliseconds);
        return count is not { } calls || time is not { } milliseconds ? Format.NotAvailable
            : calls.Most == 0 ? "0"
            : $"{Format.Count(calls.Median)}, {Format.Number(milliseconds.Median)} ms";
    }

    private static double? ShareOf(StudyProfile profile, CodePlace place)
    {
        int all = profile.Samples?.Values.Sum() ?? 0;
        return all > 0 ? (double)profile.Samples![place] / all : null;
    }

    private static string Counter(StudyRow row, Func<StudyProfile, long?> figure)
    {
        double operations = (double)row.Profiled[0].Operations * row.Profiled[0].Rounds;
        return Optional(row.OfProfile(profile => figure(profile) is { } count ? count / operations : null), Format.Number);
    }

    private static string Optional(Spread? value, Func<double, string> format) =>
        value is { } spread ? format(spread.Median) : Format.NotAvailable;
}
