using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Profiles;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Commands;

// `profile` and `leaks`: what they find, and that nothing stays in the process, whatever ends first.
public sealed class ProfileTests : IDisposable
{
    private const string Culprit = "Hakmem.Tool.Tests.Children.TargetPrograms.LeakSlowly";

    private readonly string _folder = Directory.CreateTempSubdirectory("hakmem-profile").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("pprof")]
    [InlineData("speedscope")]
    [InlineData("collapsed")]
    public async Task TheProfileNamesTheFunctionAndIsAFile(string format)
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("leak");
        string path = PathOf("profile");
        JsonElement profile = (await ToolRun.OfAsync(
            "profile", target.Pid, "--seconds", "2", "--mean-bytes", "65536", "--format", format, "-o", path,
            "--json")).Json;
        JsonElement first = profile.GetProperty("functions")[0];
        Assert.Equal(Culprit, first.GetProperty("function").GetString());
        Assert.True(first.GetProperty("bytes").GetInt64() > 1 << 20);
        Assert.Equal([path], Directory.GetFiles(_folder));
        if (format == "pprof")
        {
            HeapProfile read = PprofReader.Read(path);
            Assert.Equal(profile.GetProperty("inUseBytes").GetInt64(), read.InUseBytes);
            Assert.Equal(profile.GetProperty("allocatedObjects").GetInt64(), read.AllocatedObjects);
            Assert.Contains(read.Samples, sample => sample.Frames[0] == Culprit);
        }
        else
        {
            Assert.Contains(Culprit, await File.ReadAllTextAsync(path), StringComparison.Ordinal);
        }

        Assert.Equal(0, (await target.AskFiguresAsync("second"))["profilers"]);
    }

    [Fact]
    public async Task ADifferenceIsThatOfTwoFiles()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        string before = PathOf("before.pb.gz");
        string after = PathOf("after.pb.gz");
        (await ToolRun.OfAsync("profile", target.Pid, "--seconds", "1", "-o", before)).AssertSucceeded();
        await target.AskAsync("leak");
        (await ToolRun.OfAsync("profile", target.Pid, "--seconds", "2", "-o", after)).AssertSucceeded();
        JsonElement grown = (await ToolRun.OfAsync("profile", "--diff", before, after, "--json")).Json;
        Assert.Equal(Culprit, grown.GetProperty("functions")[0].GetProperty("function").GetString());
        Assert.Equal(
            PprofReader.Read(after).InUseBytes - PprofReader.Read(before).InUseBytes,
            grown.GetProperty("inUseBytes").GetInt64());
        JsonElement same = (await ToolRun.OfAsync("profile", "--diff", after, after, "--json")).Json;
        Assert.Equal(0, same.GetProperty("functions").GetArrayLength());
    }

    // Of all changes: what grew has no share of a total that shrank.
    [Fact]
    public async Task TheSharesOfADifferenceAreThoseOfAllChanges()
    {
        WriteProfile("before", ("Shrinks", 60 << 20), ("Grows", 1 << 20), ("Tiny", 1_000));
        WriteProfile("after", ("Shrinks", 20 << 20), ("Grows", 21 << 20), ("Tiny", 999));
        string output = (await ToolRun.OfAsync("profile", "--diff", PathOf("before"), PathOf("after")))
            .AssertSucceeded().Output;
        string[] rows = [.. output.Split('\n').Select(line => string.Join(' ', line.Split(
            ' ', StringSplitOptions.RemoveEmptyEntries)))];
        Assert.Contains("20 MiB 33.3 % 20 MiB 33.3 % 1 Grows", rows);
        Assert.Contains("-40 MiB -66.7 % -40 MiB -66.7 % -2 Shrinks", rows);
        Assert.Contains("-1 B 0.0 % -1 B 0.0 % 0 Tiny", rows);
        Assert.Contains("shares are of all changes", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("this is no profile")]
    [InlineData("")]
    public async Task AFileThatIsNoProfileIsSaidToBe(string text)
    {
        string path = PathOf("wrong.pb.gz");
        await File.WriteAllTextAsync(path, text);
        ToolRun run = await ToolRun.OfAsync("profile", "--diff", path, path);
        Assert.Equal((int)ToolError.File, run.ExitCode);
        Assert.Contains(path, run.Error, StringComparison.Ordinal);
    }

    // What cannot be added up, or has no absolute value, is refused with the file's name.
    [Theory]
    [InlineData(long.MinValue)]
    [InlineData(long.MaxValue)]
    [InlineData(1L << 60, 1L << 60)]
    [InlineData(-(1L << 60), 1L << 60)]
    [InlineData(long.MaxValue, 1L, 1L, 1L)]
    public async Task AProfileOfTooMuchIsRefused(params long[] values)
    {
        WriteProfile("huge", [.. values.Select((value, place) => ($"Function{place}", value))]);
        ToolRun run = await ToolRun.OfAsync("profile", "--diff", PathOf("huge"), PathOf("huge"));
        Assert.True(run.ExitCode == (int)ToolError.File, $"{run.ExitCode}: {run.Error}");
        Assert.Contains($"{PathOf("huge")} is no heap profile", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AProfileOfVeryMuchIsRead()
    {
        WriteProfile("little", ("Grows", 1));
        WriteProfile("much", ("Grows", 1L << 58), ("Shrinks", -(1L << 58)));
        JsonElement difference =
            (await ToolRun.OfAsync("profile", "--diff", PathOf("little"), PathOf("much"), "--json")).Json;
        Assert.Equal((1L << 58) - 1, difference.GetProperty("functions")[0].GetProperty("bytes").GetInt64());
    }

    [Fact]
    public async Task ALongPathIsInOneLine()
    {
        WriteProfile("any", ("Function", 1 << 20));
        string folder = Directory.CreateDirectory(PathOf(new string('x', 200))).FullName;
        string path = Path.Combine(folder, "a file.pb.gz");
        ToolRun run = await ToolRun.OfAsync("profile", "--diff", PathOf("any"), PathOf("any"), "-o", path);
        Assert.Contains($"The profile is in {path}\n", run.AssertSucceeded().Output, StringComparison.Ordinal);
        Assert.Contains(
            $": {PathOf("any")} less {PathOf("any")}; shares are of all changes\n", run.Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task AProfileOfAProcessThatEndsIsNotThere()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("leak");
        string path = PathOf("profile");
        Task<ToolRun> profile = ToolRun.OfAsync("profile", target.Pid, "--seconds", "30", "-o", path);
        await WaitForProfilersAsync(target, 1);
        target.Process.Kill();
        Assert.Equal((int)ToolError.ProcessEnded, (await profile).ExitCode);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    // Without a chance to say goodbye.
    [Fact]
    public async Task AKilledToolLeavesNoProfiler()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        using Process tool = ToolRun.Start("profile", target.Pid, "--seconds", "600", "-o", PathOf("profile"));
        await WaitForProfilersAsync(target, 1);
        tool.Kill();
        await tool.WaitForExitAsync();
        await WaitForProfilersAsync(target, 0);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public async Task AnInterruptedToolLeavesNoProfiler()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        using Process tool = ToolRun.StartInterruptible(
            "profile", target.Pid, "--seconds", "600", "-o", PathOf("profile"));
        await WaitForProfilersAsync(target, 1);
        using (Process interrupt = Process.Start("kill", ["-INT", $"{tool.Id}"]))
        {
            await interrupt.WaitForExitAsync();
        }

        await tool.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal((int)ToolError.Cancelled, tool.ExitCode);
        await WaitForProfilersAsync(target, 0);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    // Another session stays, so the source is not disabled when the tool's ends.
    [Fact]
    public async Task AKilledToolLeavesNoProfilerBesideAnotherTool()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        using Process other = ToolRun.Start("top", target.Pid);
        using Process tool = ToolRun.Start("profile", target.Pid, "--seconds", "600", "-o", PathOf("profile"));
        await WaitForProfilersAsync(target, 1);
        tool.Kill();
        await WaitForProfilersAsync(target, 0);
        other.Kill();
        await other.WaitForExitAsync();
    }

    [Fact]
    public async Task ASecondProfileAtATimeIsRefused()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("leak");
        Task<ToolRun> first = ToolRun.OfAsync("profile", target.Pid, "--seconds", "20", "-o", PathOf("first"));
        await WaitForProfilersAsync(target, 1);
        ToolRun second = await ToolRun.OfAsync("profile", target.Pid, "--seconds", "1", "-o", PathOf("second"));
        Assert.Equal((int)ToolError.Refused, second.ExitCode);
        Assert.Contains("has a profiler already", second.Error, StringComparison.Ordinal);
        (await first).AssertSucceeded();
        Assert.Equal([PathOf("first")], Directory.GetFiles(_folder));
        Assert.Equal(0, (await target.AskFiguresAsync("second"))["profilers"]);
    }

    [Fact]
    public async Task TheProgramsOwnProfilerIsLeftAlone()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("own profiler");
        ToolRun run = await ToolRun.OfAsync("profile", target.Pid, "--seconds", "1", "-o", PathOf("profile"));
        Assert.Equal((int)ToolError.Refused, run.ExitCode);
        Assert.Equal(1, (await target.AskFiguresAsync("second"))["profilers"]);

        // The heap that has none can be profiled.
        (await ToolRun.OfAsync("profile", target.Pid, "--heap", "shared", "--seconds", "1", "-o", PathOf("profile")))
            .AssertSucceeded();
    }

    // Before anything is sampled for it.
    [Theory]
    [InlineData("no/such/folder")]
    [InlineData("")]
    [InlineData("a-file/profile")]
    public async Task AFileThatCannotBeWrittenIsSaidToBe(string name)
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await File.WriteAllTextAsync(PathOf("a-file"), "before");
        ToolRun run = await ToolRun.OfAsync("profile", target.Pid, "--seconds", "600", "-o", PathOf(name));
        Assert.Equal((int)ToolError.File, run.ExitCode);
        Assert.Contains("cannot be written", run.Error, StringComparison.Ordinal);
        Assert.Equal([PathOf("a-file")], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public async Task AFileStaysWhereSamplingFails()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("own profiler");
        await File.WriteAllTextAsync(PathOf("profile"), "before");
        ToolRun run = await ToolRun.OfAsync("profile", target.Pid, "--seconds", "1", "-o", PathOf("profile"));
        Assert.Equal((int)ToolError.Refused, run.ExitCode);
        Assert.Equal("before", await File.ReadAllTextAsync(PathOf("profile")));
        Assert.Equal([PathOf("profile")], Directory.GetFiles(_folder));
    }

    [Fact]
    public async Task LeaksAreTheStacksWhoseBlocksStay()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("leak");
        JsonElement leaks = (await ToolRun.OfAsync("leaks", target.Pid, "--seconds", "2", "--json")).Json;
        JsonElement first = leaks.GetProperty("stacks")[0];
        Assert.Equal("orders", first.GetProperty("heap").GetString());
        Assert.Equal(Culprit, first.GetProperty("stack")[0].GetString());
        Assert.InRange(first.GetProperty("oldestSeconds").GetDouble(), 1, 60);
        long blocks = first.GetProperty("blocks").GetInt64();
        Assert.InRange(first.GetProperty("bytes").GetInt64(), blocks * 8_000, blocks * 8_300);
        Assert.Contains("LeakSlowly", (await ToolRun.OfAsync("leaks", target.Pid, "--seconds", "1"))
            .AssertSucceeded().Output, StringComparison.Ordinal);
    }

    // Half of an odd number of seconds is no whole number.
    [Fact]
    public async Task LeaksOfThreeSecondsAreOneAndAHalfOld()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("leak");
        JsonElement leaks =
            (await ToolRun.OfAsync("leaks", target.Pid, "--seconds", "3", "--heap", "orders", "--json")).Json;
        JsonElement first = leaks.GetProperty("stacks")[0];
        Assert.Equal(Culprit, first.GetProperty("stack")[0].GetString());
        Assert.InRange(first.GetProperty("bytes").GetInt64(), 1, first.GetProperty("inUseBytes").GetInt64() - 1);
    }

    [Fact]
    public async Task LeaksThatAPoolHasReportedAreListedByStack()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        Assert.Equal("dropped", await target.AskAsync("drop rentals"));
        JsonElement leaks = (await ToolRun.OfAsync("leaks", target.Pid, "--seconds", "0", "--json")).Json;
        JsonElement report = leaks.GetProperty("reports")
            .EnumerateArray().OrderByDescending(each => each.GetProperty("count").GetInt64()).First();
        Assert.InRange(report.GetProperty("count").GetInt64(), 1, 3);
        Assert.Equal(12_345 * report.GetProperty("count").GetInt64(), report.GetProperty("bytes").GetInt64());
        Assert.Contains(report.GetProperty("stack").EnumerateArray(), frame =>
            frame.GetString()!.EndsWith("TargetPrograms.DropRental", StringComparison.Ordinal));
    }

    // A made profile, of a block for each 20 MiB.
    private void WriteProfile(string name, params (string Function, long Bytes)[] rows)
    {
        ProfileAnswer answer = new()
        {
            Heaps =
            [
                new HeapProfileAnswer
                {
                    Samples =
                    [
                        .. rows.Select(row => new SampleAnswer
                        {
                            Stack = [row.Function],
                            InUseBytes = row.Bytes,
                            InUseObjects = row.Bytes / (20 << 20),
                        }),
                    ],
                },
            ],
        };
        using FileStream file = File.Create(PathOf(name));
        answer.ToProfile().WritePprof(file);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static async Task WaitForProfilersAsync(TargetProcess target, long count)
    {
        for (int i = 0; i < 300 && (await target.AskFiguresAsync("second"))["profilers"] != count; i++)
        {
            await Task.Delay(100);
        }

        Assert.Equal(count, (await target.AskFiguresAsync("second"))["profilers"]);
    }
}
