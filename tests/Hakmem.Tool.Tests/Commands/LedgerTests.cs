using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Commands;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Commands;

// `ledger`: what the resident set consists of, and what of it has grown.
public sealed class LedgerTests
{
    private const string Before = """{"capturedAt":"2026-01-01T00:00:00Z","rows":[{"kind":"HakmemLive" """;

    [Fact]
    public async Task TheRowsAreTheResidentSet()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        JsonElement ledger = (await ToolRun.OfAsync("ledger", target.Pid, "--json")).Json;
        long resident = ledger.GetProperty("residentBytes").GetInt64();
        Assert.Equal(resident, ledger.GetProperty("rows").EnumerateArray().Sum(
            row => row.GetProperty("residentBytes").GetInt64()));
        target.Process.Refresh();
        Assert.InRange(resident, target.Process.WorkingSet64 * 0.8, target.Process.WorkingSet64 * 1.2);
        JsonElement live = ledger.GetProperty("rows").EnumerateArray().Single(
            row => row.GetProperty("kind").GetString() == "HakmemLive");
        Assert.InRange(live.GetProperty("residentBytes").GetInt64(), TargetPrograms.SecondBlocks * 4_096L, 8 << 20);
        Assert.Contains("Hakmem: live", (await ToolRun.OfAsync("ledger", target.Pid))
            .AssertSucceeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GrowthHasWhatGrewMostFirst()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("leak");
        ToolRun run = await ToolRun.OfAsync("ledger", target.Pid, "--growth", "1", "--json");
        await target.AskAsync("stop");
        JsonElement growth = run.Json;
        JsonElement first = growth.GetProperty("rows")[0];
        Assert.Equal("HakmemLive", first.GetProperty("kind").GetString());
        Assert.True(first.GetProperty("bytes").GetInt64() > 1 << 20);
        Assert.InRange(growth.GetProperty("seconds").GetDouble(), 0.9, 30);
    }

    // Not when the second reading is due.
    [Fact]
    public async Task GrowthOfAProcessThatEndsEndsWithIt()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        await target.AskAsync("count sessions");
        Task<ToolRun> ledger = ToolRun.OfAsync("ledger", target.Pid, "--growth", "600");

        // The first reading has been taken then.
        while (!ledger.IsCompleted && (await target.AskFiguresAsync("sessions"))["ended"] == 0)
        {
            await Task.Delay(100);
        }

        target.Process.Kill();
        ToolRun run = await ledger;
        Assert.Equal((int)ToolError.ProcessEnded, run.ExitCode);
        Assert.Contains($"Process {target.Pid} has ended", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GrowthSinceAFileIsThatOfTwoReadings()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(
                file, (await ToolRun.OfAsync("ledger", target.Pid, "--json")).AssertSucceeded().Output);
            string output = (await ToolRun.OfAsync("ledger", target.Pid, "--since", file)).AssertSucceeded().Output;
            Assert.Contains("what to do about it", output, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("no JSON")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""{"rows":[{"kind":"HakmemLive"}]}""")]
    [InlineData("""{"capturedAt":"2026-01-01T00:00:00Z","rows":[{"kind":"Nothing"}]}""")]
    [InlineData("""{"capturedAt":"2026-01-01T00:00:00Z","rows":[{"kind":"7"}]}""")]
    [InlineData("""{"capturedAt":"2026-01-01T00:00:00Z","rows":[{"name":"x"}]}""")]
    [InlineData("""{"capturedAt":"2026-01-01T00:00:00Z","rows":[null]}""")]
    [InlineData("""{"capturedAt":"2026-01-01T00:00:00Z","rows":[{"kind":"HakmemLive"},{"kind":"HakmemLive"}]}""")]
    [InlineData(Before + "}]}")]
    [InlineData(Before + ""","name":null,"source":"s","parts":[]}]}""")]
    [InlineData(Before + ""","name":"n","parts":[]}]}""")]
    [InlineData(Before + ""","name":"n","source":"s"}]}""")]
    [InlineData(Before + ""","name":"n","source":"s","parts":[null]}]}""")]
    [InlineData(Before + ""","name":"n","source":"s","parts":[{"bytes":1}]}]}""")]
    [InlineData(Before + ""","name":"n","source":"s","parts":[],"residentBytes":-9223372036854775808}]}""")]
    [InlineData(Before + ""","name":"n","source":"s","parts":[],"residentBytes":9223372036854775807}]}""")]
    [InlineData("""{"capturedAt":"yesterday","rows":[{"kind":"HakmemLive"}]}""")]
    public void AFileWithoutALedgerIsSaidToBe(string text)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, text);
            ToolException failure = Assert.Throws<ToolException>(() => LedgerCommand.ReadFile(file));
            Assert.Equal(ToolError.File, failure.Error);
            Assert.Contains(file, failure.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void AFileWithALedgerIsRead()
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(
                file, Before + ""","name":"n","source":"s","parts":[{"name":"p","bytes":1}],"residentBytes":7}]}""");
            Assert.Equal(7, LedgerCommand.ReadFile(file).Rows[0].ResidentBytes);
        }
        finally
        {
            File.Delete(file);
        }
    }

    // Made rows: one grows, one shrinks, one comes and one goes.
    [Fact]
    public void GrowthHasRowsThatComeAndGo()
    {
        LedgerReport before = ReportOf(("a", 10), ("b", 20), ("gone", 5));
        LedgerReport after =
            ReportOf(("a", 40), ("b", 19), ("new", 7)) with { CapturedAt = before.CapturedAt.AddSeconds(3) };
        LedgerGrowth growth = LedgerGrowth.Between(before, after);
        Assert.Equal(
            [("a", 30L), ("new", 7L), ("b", -1L), ("gone", -5L)], growth.Rows.Select(row => (row.Kind, row.Bytes)));
        Assert.Equal(3, growth.Seconds);
        Assert.Equal(31, growth.Bytes);
    }

    private static LedgerReport ReportOf(params (string Kind, long Bytes)[] rows) => new()
    {
        CapturedAt = DateTimeOffset.UnixEpoch,
        ResidentBytes = rows.Sum(row => row.Bytes),
        Rows = [.. rows.Select(row => new LedgerRow(row.Kind, row.Kind, row.Bytes, "", []))],
    };
}
