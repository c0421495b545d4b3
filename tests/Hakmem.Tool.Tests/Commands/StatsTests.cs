using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Commands;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Commands;

// `stats`, `ps`, `top` and `trim` against a process with two heaps, held against what the process says of itself.
public sealed class StatsTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task StatsAreThoseOfTheProcessItself()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        JsonElement stats = (await ToolRun.OfAsync("stats", target.Pid, "--json")).Json;
        Assert.Equal(target.Id, stats.GetProperty("processId").GetInt32());
        JsonElement[] heaps = [.. stats.GetProperty("heaps").EnumerateArray()];
        Assert.Equal(["shared", "orders"], heaps.Select(heap => heap.GetProperty("name").GetString()));
        AssertSameLive(await target.AskFiguresAsync("shared"), heaps[0]);
        AssertSame(await target.AskFiguresAsync("second"), heaps[1]);
        Assert.Equal(TargetPrograms.SecondBlocks + 1, heaps[1].GetProperty("liveBlocks").GetInt64());
        JsonElement row = heaps[1].GetProperty("sizeClasses").EnumerateArray()
            .Single(row => row.GetProperty("blockBytes").GetInt64() == TargetPrograms.SecondBytes);
        Assert.Equal(TargetPrograms.SecondBlocks, row.GetProperty("liveBlocks").GetInt64());
        Assert.InRange(
            row.GetProperty("dirtyBytes").GetInt64(), TargetPrograms.SecondBlocks * (long)TargetPrograms.SecondBytes,
            row.GetProperty("spanBytes").GetInt64());
        Assert.Equal(
            ["cart", "checkout"],
            heaps[1].GetProperty("tags").EnumerateArray().Select(tag => tag.GetProperty("path").GetString()));
    }

    // The figures of a class's dirty bytes are part of those of the heap.
    [Fact]
    public async Task LookingLeavesTheHeapsAsTheyWere()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        Dictionary<string, long> shared = await target.AskFiguresAsync("shared");
        Dictionary<string, long> second = await target.AskFiguresAsync("second");
        foreach (string command in new[] { "stats", "map", "ledger" })
        {
            (await ToolRun.OfAsync(command, target.Pid, "--json")).AssertSucceeded();
        }

        (await ToolRun.OfAsync("leaks", target.Pid, "--seconds", "1", "--json")).AssertSucceeded();
        foreach (string figure in new[] { "liveBytes", "liveBlocks", "committedBytes", "superSlabs" })
        {
            Assert.Equal(second[figure], (await target.AskFiguresAsync("second"))[figure]);
        }

        // The shared heap had free memory, which returns with time.
        Assert.Equal(shared["liveBytes"], (await target.AskFiguresAsync("shared"))["liveBytes"]);
    }

    [Theory]
    [InlineData("orders")]
    [InlineData("1")]
    public async Task HeapChoosesOneByNameOrSlot(string heap)
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        JsonElement stats = (await ToolRun.OfAsync("stats", target.Pid, "--heap", heap, "--json")).Json;
        Assert.Equal(
            "orders", Assert.Single(stats.GetProperty("heaps").EnumerateArray()).GetProperty("name").GetString());
    }

    [Fact]
    public async Task TheTableHasEachHeapAndClass()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        string output = (await ToolRun.OfAsync("stats", target.Pid)).AssertSucceeded().Output;
        Assert.Contains("orders", output, StringComparison.Ordinal);
        Assert.Contains("shared", output, StringComparison.Ordinal);
        Assert.Contains("live/dirty", output, StringComparison.Ordinal);
        Assert.Contains("checkout", output, StringComparison.Ordinal);
    }

    // It has had no decay pass, so there is no event source yet: the tool has the runtime collect once.
    [Fact]
    public async Task AProcessWithFewBlocksIsWoken()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Small);
        JsonElement stats = (await ToolRun.OfAsync("stats", target.Pid, "--json")).Json;
        AssertSame(await target.AskFiguresAsync("figures"), Assert.Single(stats.GetProperty("heaps").EnumerateArray()));
    }

    [Fact]
    public async Task AFallbackHasItsFigures()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(
            TargetPrograms.Fallback, ("HAKMEM_FORCE_FALLBACK", "true"));
        JsonElement stats = (await ToolRun.OfAsync("stats", target.Pid, "--json")).Json;
        JsonElement heap = Assert.Single(stats.GetProperty("heaps").EnumerateArray());
        Assert.True(heap.GetProperty("isFallback").GetBoolean());
        Assert.Equal(
            (await target.AskFiguresAsync("figures"))["liveBlocks"], heap.GetProperty("liveBlocks").GetInt64());
        ToolRun profile = await ToolRun.OfAsync("profile", target.Pid, "--seconds", "1");
        Assert.Equal(9, profile.ExitCode);
        Assert.Contains("NativeMemory", profile.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PsListsWhoUsesTheLibraryAndSaysNothingOfOthers()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await using TargetProcess without = await TargetProcess.StartAsync(TargetPrograms.Without);
        JsonElement[] rows = [.. (await ToolRun.OfAsync("ps", "--json")).Json.EnumerateArray()];
        Assert.DoesNotContain(rows, row => row.GetProperty("pid").GetInt32() == without.Id);
        JsonElement own = Assert.Single(rows, row => row.GetProperty("pid").GetInt32() == target.Id);
        Assert.Equal(2, own.GetProperty("heaps").GetInt32());
        Assert.Equal("answers", own.GetProperty("state").GetString());
        Assert.Equal(
            (await target.AskFiguresAsync("second"))["liveBytes"] +
                (await target.AskFiguresAsync("shared"))["liveBytes"],
            own.GetProperty("liveBytes").GetInt64());
        Assert.Contains(target.Pid, (await ToolRun.OfAsync("ps")).AssertSucceeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AProcessWhoseFilesDoNotTellIsAsked()
    {
        await using TargetProcess target = await TargetProcess.StartUnderNameAsync(
            "one-file", TargetPrograms.FromBytes);
        Assert.Null(Target.Require(target.Id).HasLibrary);
        JsonElement stats = (await ToolRun.OfAsync("stats", target.Pid, "--json")).Json;
        Assert.Equal(
            1, Assert.Single(stats.GetProperty("heaps").EnumerateArray()).GetProperty("liveBlocks").GetInt64());
        JsonElement[] rows = [.. (await ToolRun.OfAsync("ps", "--json")).Json.EnumerateArray()];
        JsonElement own = Assert.Single(rows, row => row.GetProperty("pid").GetInt32() == target.Id);
        Assert.Equal("one-file", own.GetProperty("name").GetString());
        await AssertTopShowsAsync(["--json"], $"\"pid\":{target.Pid},");
    }

    [Theory]
    [InlineData((int)ToolError.NoAnswer, "silent: small or idle")]
    [InlineData((int)ToolError.OtherVersion, "of another version than this tool")]
    [InlineData((int)ToolError.Refused, "refuses")]
    [InlineData((int)ToolError.NoDiagnostics, "lets no session start")]
    public void TheStateOfAProcessIsThatOfItsFailure(int error, string state) =>
        Assert.Equal(state, PsCommand.StateOf((ToolError)error));

    [Fact]
    public async Task TopShowsOneProcessAgainAndAgain()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("leak");
        ToolRun top = await ToolRun.OfAsync("top", target.Pid, "--count", "12", "--interval", "1", "--json");
        long[] live =
        [
            .. top.AssertSucceeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .SelectMany(line => JsonDocument.Parse(line).RootElement.EnumerateArray())
                .Select(row => row.GetProperty("heaps").EnumerateArray()
                    .Single(heap => heap.GetProperty("name").GetString() == "orders")
                        .GetProperty("liveBytes").GetInt64()),
        ];
        Assert.InRange(live.Length, 2, 12);
        Assert.True(live[^1] > live[0], string.Join(' ', live));
    }

    [Fact]
    public async Task TopShowsAllProcesses()
    {
        await using TargetProcess first = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await using TargetProcess second = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await AssertTopShowsAsync([], first.Pid, second.Pid);
    }

    [Fact]
    public async Task TopOfAProcessThatEndsSaysSo()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        using Process top = ToolRun.Start("top", target.Pid, "--interval", "0.5");
        try
        {
            Task<string> error = top.StandardError.ReadToEndAsync();
            Assert.NotNull(await top.StandardOutput.ReadLineAsync().WaitAsync(s_limit));
            Task<string> rest = top.StandardOutput.ReadToEndAsync();
            target.Process.Kill();
            await top.WaitForExitAsync().WaitAsync(s_limit);
            Assert.Equal((int)ToolError.ProcessEnded, top.ExitCode);
            Assert.Contains($"Process {target.Pid} has ended", await error, StringComparison.Ordinal);
            await rest;
        }
        finally
        {
            top.Kill();
        }
    }

    [Fact]
    public async Task TrimReturnsWhatIsFree()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("burst");
        JsonElement trim = (await ToolRun.OfAsync("trim", target.Pid, "--heap", "orders", "--json")).Json;
        JsonElement after = Assert.Single(trim.GetProperty("after").GetProperty("heaps").EnumerateArray());
        Dictionary<string, long> now = await target.AskFiguresAsync("second");
        long live = after.GetProperty("liveBytes").GetInt64();
        Assert.Equal(now["liveBytes"], live);
        Assert.InRange(after.GetProperty("dirtyBytes").GetInt64(), live, live + (8 << 20));
        Assert.InRange(now["dirtyBytes"], live, live + (8 << 20));
    }

    // Of all processes: others of this suite come and go meanwhile, so it is not known which reading has all these
    // texts.
    private static async Task AssertTopShowsAsync(string[] options, params string[] texts)
    {
        using Process top = ToolRun.Start(["top", .. options]);
        try
        {
            List<string> missing = [.. texts];
            for (long start = Stopwatch.GetTimestamp(); missing.Count > 0;)
            {
                Assert.True(
                    Stopwatch.GetElapsedTime(start) < s_limit,
                    $"There was no {string.Join(" and no ", missing)} within {s_limit}.");
                string? line = await top.StandardOutput.ReadLineAsync().WaitAsync(s_limit);
                Assert.NotNull(line);
                missing.RemoveAll(text => line.Contains(text, StringComparison.Ordinal));
            }
        }
        finally
        {
            top.Kill();
        }
    }

    // Of a heap whose free memory returns with time.
    private static void AssertSameLive(Dictionary<string, long> own, JsonElement told)
    {
        Assert.Equal(own["liveBytes"], told.GetProperty("liveBytes").GetInt64());
        Assert.Equal(own["liveBlocks"], told.GetProperty("liveBlocks").GetInt64());
    }

    private static void AssertSame(Dictionary<string, long> own, JsonElement told)
    {
        foreach (string figure in new[] { "liveBytes", "liveBlocks", "committedBytes", "superSlabsInUse" })
        {
            Assert.Equal(own[figure], told.GetProperty(figure).GetInt64());
        }
    }
}
