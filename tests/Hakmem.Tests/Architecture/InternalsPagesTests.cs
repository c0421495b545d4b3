using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Hakmem.Os;
using Hakmem.Records;
using Xunit;

namespace Hakmem.Tests.Architecture;

// docs/internals.md and docs/concurrency.md against the sources: the files and members that they name, every lock,
// every volatile field, and the drawing that a file's header has as well.
public sealed partial class InternalsPagesTests
{
    private static readonly string s_internals = ReadPage("internals.md");
    private static readonly string s_concurrency = ReadPage("concurrency.md");

    private static readonly string[] s_sources =
        [.. SourceTree.FilesBelow(Path.Combine(SourceTree.Root, "src"))];

    // Types of the framework that the pages name members of.
    private static readonly string[] s_frameworkTypes = ["Environment", "Thread"];

    [Fact]
    public void PagesNameFilesThatExist()
    {
        string[] named = [.. FileName().Matches(s_internals + s_concurrency).Select(match => match.Groups[1].Value)];
        Assert.NotEmpty(named);
        Assert.DoesNotContain(named, file => !File.Exists(Path.Combine(SourceTree.Library, file)));
    }

    [Fact]
    public void PagesNameMembersThatExist()
    {
        Match[] named = [.. MemberName().Matches(s_internals + s_concurrency)
            .Where(match => !s_frameworkTypes.Contains(match.Groups[1].Value))];
        Assert.NotEmpty(named);
        Assert.DoesNotContain(named, match => !HasMember(match.Groups[1].Value, match.Groups[2].Value));
    }

    [Fact]
    public void ConcurrencyPageNamesEveryLock() => AssertNamed(LockField());

    [Fact]
    public void ConcurrencyPageNamesEveryVolatileField() => AssertNamed(VolatileField());

    [Theory]
    [InlineData("Records/PageMapEntry.cs")]
    public void DrawingIsThatOfTheFilesHeader(string file)
    {
        string[] lines = [.. File.ReadLines(Path.Combine(SourceTree.Library, file))
            .Select(line => DrawnLine().Match(line).Groups[1].Value)
            .Where(line => line.Length > 0)];
        Assert.NotEmpty(lines);
        Assert.Empty(lines.Except(s_internals.Split('\n')));
    }

    private static void AssertNamed(Regex field)
    {
        string[] fields = [.. s_sources.SelectMany(file => field.Matches(File.ReadAllText(file))
            .Select(match => $"`{TypeOf(file)}.{match.Groups[1].Value}`"))];
        Assert.NotEmpty(fields);
        Assert.DoesNotContain(fields, name => !s_concurrency.Contains(name, StringComparison.Ordinal));
    }

    private static bool HasMember(string type, string member) => s_sources.Any(file =>
        TypeOf(file) == type && Regex.IsMatch(File.ReadAllText(file), $@"\b{member}\b"));

    // A part of a type may add to the name: Type.Part.cs.
    private static string TypeOf(string file) => Path.GetFileName(file).Split('.')[0];

    private static string ReadPage(string name) => File.ReadAllText(Path.Combine(SourceTree.Root, "docs", name));

    [GeneratedRegex(@"`((?:\w+/)+\w+\.cs)`")]
    private static partial Regex FileName();

    [GeneratedRegex(@"`([A-Z]\w+)\.(\w+)`")]
    private static partial Regex MemberName();

    [GeneratedRegex(
        @"^ +(?:private|internal|public) (?:static |readonly )*UninterruptibleLock\?? (\w+)(?:;| = | \{)",
        RegexOptions.Multiline)]
    private static partial Regex LockField();

    [GeneratedRegex(@"^ +(?:private|internal|public) (?:static )?volatile \S+ (\w+)", RegexOptions.Multiline)]
    private static partial Regex VolatileField();

    [GeneratedRegex(@"^//  +([|+].*)$")]
    private static partial Regex DrawnLine();
}
