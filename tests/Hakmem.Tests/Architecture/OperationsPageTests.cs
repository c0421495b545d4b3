using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Hakmem.Tests.Architecture;

// docs/operations.md against the library: its table of settings, what every option costs, every environment variable, every figure.
public sealed partial class OperationsPageTests
{
    private static readonly string s_page = Path.Combine(SourceTree.Root, "docs", "operations.md");
    private static readonly string[] s_lines = File.ReadAllLines(s_page);
    private static readonly string s_sources = string.Join("\n", SourceTree.FilesBelow(SourceTree.Library).Select(File.ReadAllText));

    public static TheoryData<string> Options { get; } = new(PropertiesOf(typeof(HakmemOptions)).Select(option => option.Name));

    public static TheoryData<string> Figures { get; } = new(PropertiesOf(typeof(HakmemStatistics)).Select(figure => figure.Name));

    // HAKMEM_TEST_WRITE_SETTINGS=1 writes the table into the page instead.
    [Fact]
    public void TheSettingsTableIsThatOfTheDeclarations()
    {
        const string Begin = "<!-- settings:begin -->\n";
        string page = File.ReadAllText(s_page);
        int begin = page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        int end = page.IndexOf("<!-- settings:end -->", StringComparison.Ordinal);
        Assert.InRange(begin, Begin.Length, end);
        if (Environment.GetEnvironmentVariable("HAKMEM_TEST_WRITE_SETTINGS") == "1")
        {
            File.WriteAllText(s_page, page[..begin] + SettingsTable.ToMarkdown() + page[end..]);
        }
        else
        {
            Assert.Equal(SettingsTable.ToMarkdown(), page[begin..end]);
        }
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void EveryOptionIsToldOf(string option) =>
        Assert.Contains(s_lines, line => line.StartsWith("- **", StringComparison.Ordinal) && Told(line).Contains($"`{option}`", StringComparison.Ordinal));

    [Fact]
    public void TheVariablesAreThoseThatTheLibraryReads()
    {
        SortedSet<string> read = [.. Variable().Matches(s_sources).Select(match => match.Value)];
        SortedSet<string> told = [.. Variable().Matches(string.Join("\n", s_lines)).Select(match => match.Value)];
        Assert.NotEmpty(read);
        Assert.Equal(read, told);
    }

    [Theory]
    [MemberData(nameof(Figures))]
    public void EveryFigureHasARow(string figure) => Assert.Contains(
        s_lines, line => line.StartsWith("| `", StringComparison.Ordinal) && line.Split('|')[1].Contains($"`{figure}`", StringComparison.Ordinal));

    private static PropertyInfo[] PropertiesOf(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly);

    // What a bullet is about: the names in bold that it begins with.
    private static string Told(string line) => Bold().Match(line).Value;

    [GeneratedRegex("HAKMEM_[A-Z_]+[A-Z]")]
    private static partial Regex Variable();

    [GeneratedRegex(@"(?<=^- )\*\*[^*]+\*\*((, | and )\*\*[^*]+\*\*)*")]
    private static partial Regex Bold();
}
