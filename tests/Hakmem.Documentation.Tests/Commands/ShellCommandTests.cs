using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Hakmem.Documentation.Tests.Blocks;
using Hakmem.Documentation.Tests.FrontDoor;
using Hakmem.Tests.Architecture;
using Xunit;

namespace Hakmem.Documentation.Tests.Commands;

// Commands that the documents show and the workflows run name projects, scripts and options that there are. They are
// not run: some take minutes.
public sealed partial class ShellCommandTests
{
    private static readonly ShellCommand[] s_commands =
    [
        .. Documents.Files.SelectMany(ShellCommand.Of),
        .. ShellCommand.Of(".github/PULL_REQUEST_TEMPLATE.md"),
        .. WorkflowJob.All.SelectMany(job => job.Commands),
    ];

    [Fact]
    public void EveryProjectIsThere()
    {
        ShellCommand[] runs = [.. s_commands.Where(command => command.Project is not null)];
        Assert.NotEmpty(runs);
        Assert.All(runs, command => Assert.NotEmpty(Directory.GetFiles(Path.Combine(SourceTree.Root, command.Project!), "*.csproj")));
    }

    [Fact]
    public void EveryProjectThatIsBuiltIsThere()
    {
        ShellCommand[] builds = [.. s_commands.Where(command => command.Built is not null)];
        Assert.NotEmpty(builds);
        Assert.All(builds, command =>
        {
            string path = Path.Combine(SourceTree.Root, command.Built!);
            Assert.True(File.Exists(path) || Directory.GetFiles(path, "*.csproj").Length > 0, command.ToString());
        });
    }

    [Fact]
    public void EveryScriptIsThere()
    {
        ShellCommand[] scripts = [.. s_commands.Where(command => command.Script is not null)];
        Assert.NotEmpty(scripts);
        Assert.All(scripts, command => Assert.True(File.Exists(Path.Combine(SourceTree.Root, command.Script!)), command.ToString()));
    }

    [Fact]
    public void EveryNamespaceOfTestsIsAFolder()
    {
        (string Project, string Name)[] named =
        [
            .. s_commands.Where(command => command.Project is not null)
                .SelectMany(
                    command => TestNamespace().Matches(command.Text),
                    (command, match) => (command.Project!, match.Groups[1].Value)),
        ];
        Assert.NotEmpty(named);
        Assert.All(named, entry =>
        {
            string root = Path.GetFileName(entry.Project);
            Assert.StartsWith(root + ".", entry.Name, StringComparison.Ordinal);
            string folder = entry.Name[(root.Length + 1)..].Replace('.', Path.DirectorySeparatorChar);
            Assert.True(
                Directory.Exists(Path.Combine(SourceTree.Root, entry.Project, folder)),
                $"{entry.Name} is no folder of {entry.Project}.");
        });
    }

    // Options of a test program are xunit's; those of any other program are text in its sources.
    [Fact]
    public void EveryVerbAndOptionIsInItsProgramsSources()
    {
        List<string> unknown = [];
        int tried = 0;
        foreach (ShellCommand command in s_commands.Where(command => command.Project is { } project && !project.StartsWith("tests/", StringComparison.Ordinal)))
        {
            string sources = string.Concat(SourceTree.FilesBelow(Path.Combine(SourceTree.Root, command.Project!)).Select(File.ReadAllText));
            foreach (string word in WordsOfItsOwn(command))
            {
                tried++;
                if (!sources.Contains($"\"{word}\"", StringComparison.Ordinal))
                {
                    unknown.Add($"{command.Document}: {command.Text}: {word}");
                }
            }
        }

        Assert.True(tried > 10, $"Only {tried} words were found.");
        Assert.True(unknown.Count == 0, string.Join(Environment.NewLine, unknown));
    }

    // The options, and the verb in front: a first word of letters. (A first word that is a number is a size.) What follows `micro` is
    // BenchmarkDotNet's.
    private static IEnumerable<string> WordsOfItsOwn(ShellCommand command) => command.Arguments is ["micro", ..]
        ? ["micro"]
        : command.Arguments.Where((word, index) => word.StartsWith("--", StringComparison.Ordinal) || (index == 0 && char.IsAsciiLetterLower(word[0])));

    [GeneratedRegex("namespace ([A-Z][\\w.]*)")]
    private static partial Regex TestNamespace();
}
