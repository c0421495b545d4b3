using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using Hakmem.Documentation.Tests.Blocks;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Documentation.Tests.Commands;

// The steps of .ci/run can be listed and run by name. None is run here: this suite is one of them.
public sealed class CiStepTests
{
    private const string Script = ".ci/run";

    [Fact]
    public async Task ListNamesEveryStepAndEachIsAFunction()
    {
        string[] steps = await Steps();
        Assert.Contains("build", steps);
        Assert.Contains("document-tests", steps);
        Assert.Equal(steps.Length, steps.Distinct().Count());
        string path = Path.Combine(SourceTree.Root, Script);
        string text = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        Assert.All(
            steps,
            step => Assert.Contains($"\nstep_{step.Replace('-', '_')}() {{\n", text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("tests", "nonsense")]
    [InlineData("")]
    public async Task UnknownStepIsAnErrorThatListsTheSteps(params string[] arguments)
    {
        (int exitCode, string output, string error) = await Run(arguments);
        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.StartsWith($"There is no step \"{arguments[^1]}\".", error, StringComparison.Ordinal);
        Assert.All(await Steps(), step => Assert.Contains($"\n{step} ", error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task EveryStepThatADocumentNamesIsThere()
    {
        string[] steps = await Steps();
        string[] named =
        [
            .. Documents.Files.SelectMany(ShellCommand.Of).Where(command => command.Script == Script)
                .SelectMany(command => command.Text.Split(' ').Skip(2))
                .Where(word => word != "--list"),
        ];
        Assert.NotEmpty(named);
        Assert.All(named, step => Assert.Contains(step, steps));
    }

    private static async Task<string[]> Steps()
    {
        (int exitCode, string output, _) = await Run("--list");
        Assert.Equal(0, exitCode);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0])];
    }

    private static async Task<(int ExitCode, string Output, string Error)> Run(params string[] arguments)
    {
        ProcessStartInfo start = new("bash", [Path.Combine(SourceTree.Root, Script), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, await error);
    }
}
