using System;
using System.Linq;
using System.Threading.Tasks;
using Hakmem.Tool.Tests.Children;
using Hakmem.Tool.Tests.Support;
using Xunit;

namespace Hakmem.Tool.Tests.Display;

// What reaches a terminal: no character that it would obey, and one line where nothing can be written.
public sealed class OutputTests
{
    // The name of a heap, a tag and the program have such characters.
    [Theory]
    [InlineData("ps")]
    [InlineData("top", "PID", "--count", "1")]
    [InlineData("stats", "PID")]
    [InlineData("map", "PID")]
    [InlineData("trim", "PID")]
    [InlineData("ledger", "PID")]
    [InlineData("ledger", "PID", "--growth", "1")]
    [InlineData("leaks", "PID", "--seconds", "1")]
    [InlineData("profile", "PID", "--seconds", "0", "-o", "/dev/shm/\u001b[31m/profile")]
    [InlineData("stats", "PID", "--heap", "none")]
    public async Task NoControlCharacterIsShown(params string[] args)
    {
        await using TargetProcess target = await TargetProcess.StartUnderNameAsync(
            TargetPrograms.Escape, TargetPrograms.Escapes);
        await target.AskAsync("leak");
        ToolRun run = await ToolRun.OfAsync([.. args.Select(word => word == "PID" ? target.Pid : word)]);
        string shown = run.Output + run.Error;
        Assert.Contains("[31m", shown, StringComparison.Ordinal);
        Assert.All(shown, character => Assert.False(
            char.IsControl(character) && character != '\n', $"{(int)character:x} is in\n{shown}"));

        // A name in several lines could pass for rows of its own.
        Assert.DoesNotContain("\nforged", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task JsonHasANameAsItIs()
    {
        await using TargetProcess target = await TargetProcess.StartAsync(TargetPrograms.Escapes);
        string? name = (await ToolRun.OfAsync("stats", target.Pid, "--json")).Json.GetProperty("heaps")
            .EnumerateArray().Last().GetProperty("name").GetString();
        Assert.Equal(TargetPrograms.Escape, name);
    }

    [Theory]
    [InlineData(">/dev/full", "ps")]
    [InlineData(">/dev/full", "ps", "--json")]
    [InlineData(">/dev/full", "top", "--count", "1")]
    [InlineData(">/dev/full", "--help")]
    [InlineData(">/dev/full", "stats", "--help")]
    [InlineData(">&-", "ps")]
    [InlineData(">&-", "ps", "--json")]
    [InlineData(">&-", "--help")]
    public async Task AnOutputThatCannotBeWrittenIsOneLine(string output, params string[] args)
    {
        ToolRun run = await ToolRun.OfAsync(["bash", "-c", $"\"$@\" {output}", "bash", .. ToolRun.Command], args);
        Assert.True(run.ExitCode == 1, $"{run.ExitCode}: {run.Error}");
        Assert.Contains("The output cannot be written: ", run.Error, StringComparison.Ordinal);
        Assert.Equal(1, run.Error.Count(character => character == '\n'));
    }

    // Then nothing is left to say it but the exit code.
    [Fact]
    public async Task AnErrorThatCannotBeWrittenHasItsExitCode()
    {
        string[] command = ["bash", "-c", "\"$@\" 2>/dev/full", "bash", .. ToolRun.Command];
        Assert.Equal(3, (await ToolRun.OfAsync(command, ["stats", "4999999"])).ExitCode);
    }
}
