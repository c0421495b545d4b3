using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Hakmem.Benchmarks.ProfilingStudy;
using Hakmem.Benchmarks.Tests.Runner;
using Xunit;

namespace Hakmem.Benchmarks.Tests.ProfilingStudy;

public sealed class StudyTogetherTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("faster (one run)", 1, 0.5)]
    [InlineData("slower (one run)", 1, -0.5)]
    [InlineData("no difference (one run)", 1, 0.0)]
    [InlineData("faster in all (3 runs, 2 machines)", 2, 0.5, 0.1, 0.2)]
    [InlineData("slower in all (2 runs, one machine)", 1, -0.5, -0.1)]
    [InlineData("no difference in any (2 runs, one machine)", 1, 0.0, 0.0)]
    [InlineData("differs: 1 faster, 1 slower, 1 without difference (3 runs, 3 machines)", 3, 0.5, -0.1, 0.0)]
    public void VerdictSaysInHowManyRunsItHeld(string expected, int machines, params double[] differences)
    {
        // A zero stands for ranges that overlap.
        double?[] given = [.. differences.Select(difference => difference == 0 ? (double?)null : difference)];
        Assert.Equal(expected, StudyTogether.Verdict(given, machines));
    }

    [Fact]
    public void SwitchThatDiffersByRunIsNotCalledFaster()
    {
        string report = MarkdownWriter.Write(StudyTogether.Of(
            [
                Run("Cpu A", hours: 0, on: [10, 11, 12], off: [20, 21, 22]),
                Run("Cpu B", hours: 5, on: [30, 31, 32], off: [20, 21, 22]),
            ]));

        Assert.Contains("2 runs on 2 machines", report);
        Assert.Contains("differs: 1 faster, 1 slower, 0 without difference (2 runs, 2 machines)", report);
        Assert.Contains("1.00 (0.524–1.48)", report);
    }

    [Fact]
    public void VerdictOfOneRunIsMarked()
    {
        string report = MarkdownWriter.Write(StudyTogether.Of(
            [Run("Cpu A", hours: 0, on: [10, 11, 12], off: [20, 21, 22])]));
        Assert.Contains("faster (one run)", report);
        Assert.DoesNotContain("in all", report);
    }

    [Fact]
    public void KeptRunsAreReadInTheirOrder()
    {
        StudyResults late = Run("Cpu A", hours: 5, on: [1, 2, 3], off: [4, 5, 6]);
        StudyResults early = Run("Cpu B", hours: 0, on: [1, 2, 3], off: [4, 5, 6]);
        string path = KeptRuns.Add(_folder, late);
        KeptRuns.Add(_folder, early);

        Assert.True(File.Exists(path));
        Assert.Equal(["Cpu B", "Cpu A"], KeptRuns.Read(_folder).Select(run => run.Environment.Cpu));
        Assert.Equal(2.0, KeptRuns.Read(_folder)[0].Ours(StudyScenario.FirstTouch, "thp-on")!.Nanoseconds.Median);
    }

    [Fact]
    public void KeptRunIsNeverReplaced()
    {
        StudyResults run = Run("Cpu A", hours: 0, on: [1], off: [2]);
        KeptRuns.Add(_folder, run);
        Assert.Throws<IOException>(() => KeptRuns.Add(_folder, run));
    }

    [Fact]
    public void FolderWithoutRunsIsAnError()
    {
        Assert.Contains("no runs", Assert.Throws<InvalidDataException>(() => KeptRuns.Read(_folder)).Message);
        DirectoryInfo none = new(Path.Combine(_folder.FullName, "none"));
        Assert.Contains("no runs", Assert.Throws<InvalidDataException>(() => KeptRuns.Read(none)).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[1, 2]")]
    [InlineData("null")]
    [InlineData("{\"rounds\": ")]
    public void FileThatIsNoRunIsNamed(string text)
    {
        KeptRuns.Add(_folder, Run("Cpu A", hours: 0, on: [1], off: [2]));
        string path = Path.Combine(_folder.FullName, "seed-damaged.json");
        File.WriteAllText(path, text);
        Assert.Contains(path, Assert.Throws<InvalidDataException>(() => KeptRuns.Read(_folder)).Message);
    }

    private static StudyResults Run(string cpu, int hours, double[] on, double[] off) => new()
    {
        Environment = Rows.Environment() with
        {
            Cpu = cpu,
            Date = new DateTimeOffset(2026, 11, 29, hours, 0, 0, TimeSpan.Zero),
        },
        Rounds = on.Length,
        Seconds = 1,
        Notes = [],
        Rows = [Row("thp-on", on), Row("defaults", off)],
    };

    private static StudyRow Row(string configuration, double[] nanoseconds) => new()
    {
        Scenario = StudyScenario.FirstTouch.Name,
        Subject = "hakmem",
        Configuration = configuration,
        Timed = [.. nanoseconds.Select(Process)],
        Profiled = [],
    };

    private static StudyMeasurement Process(double nanoseconds) => new()
    {
        Operations = 1,
        Rounds = 1,
        Nanoseconds = nanoseconds,
        Timed = new ResourceUsage(),
        Process = new ResourceUsage(),
        ResidentBytes = 1,
        PeakResidentBytes = 1,
        Profile = null,
    };
}
