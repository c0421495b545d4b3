using System;
using System.Diagnostics;
using System.Text.Json;
using System.Threading.Tasks;
using Hakmem.Tool.Attach;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Commands;

// How `top` begins and ends: with the first figures, and with whoever reads it.
public sealed class TopTests
{
    // Less than the longest interval.
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(45);

    // The second of each: before the next reading is due.
    [Theory]
    [InlineData("0.2")]
    [InlineData("0.2", "--json")]
    [InlineData("60")]
    [InlineData("60", "--json")]
    public async Task TopEndsWithWhoeverReadsIt(string interval, params string[] more)
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        using Process tool = ToolRun.Start(["top", target.Pid, "--interval", interval, .. more]);
        try
        {
            Task<string> error = tool.StandardError.ReadToEndAsync();
            Assert.NotNull(await tool.StandardOutput.ReadLineAsync().WaitAsync(s_limit));
            tool.StandardOutput.Close();
            await tool.WaitForExitAsync().WaitAsync(s_limit);
            Assert.Equal(0, tool.ExitCode);
            Assert.Empty(await error);
        }
        finally
        {
            tool.Kill();
        }
    }

    [Fact]
    public async Task TheFirstReadingHasFigures()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        JsonElement rows =
            (await ToolRun.OfAsync("top", target.Pid, "--json", "--interval", "0.2", "--count", "1")).Json;
        Assert.Equal(target.Id, Assert.Single(rows.EnumerateArray()).GetProperty("pid").GetInt32());

        // The first to answer may be another test's, and may have ended before the reading, but hardly in every try.
        JsonElement all = default;
        for (int i = 0; i == 0 || (i < 5 && all.GetArrayLength() == 0); i++)
        {
            all = (await ToolRun.OfAsync("top", "--json", "--interval", "0.1", "--count", "1")).Json;
        }

        Assert.NotEmpty(all.EnumerateArray());
    }

    [Fact]
    public async Task TopOfAProcessThatIsStoppedSaysSo()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        using (Process stop = Process.Start("kill", ["-STOP", target.Pid]))
        {
            await stop.WaitForExitAsync();
        }

        ToolRun run = await ToolRun.OfAsync("top", target.Pid, "--count", "2", "--timeout", "1");
        Assert.True(run.ExitCode == (int)ToolError.NoAnswer, $"{run.ExitCode}: {run.Output}{run.Error}");
        Assert.Contains("did not answer within 2 s", run.Error, StringComparison.Ordinal);
    }

    // Also where the next reading, or the end, is a minute away.
    [Fact]
    public async Task TopEndsWithItsProcess()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Heaps);
        using Process tool = ToolRun.Start("top", target.Pid, "--interval", "60", "--count", "2", "--json");
        try
        {
            Task<string?> first = tool.StandardOutput.ReadLineAsync();
            Assert.Contains(target.Pid, await first.WaitAsync(s_limit), StringComparison.Ordinal);
            target.Process.Kill();
            await tool.WaitForExitAsync().WaitAsync(s_limit);
            Assert.Equal((int)ToolError.ProcessEnded, tool.ExitCode);
            Assert.Empty(await tool.StandardOutput.ReadToEndAsync());
        }
        finally
        {
            tool.Kill();
        }
    }
}
