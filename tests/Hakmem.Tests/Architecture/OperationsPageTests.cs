using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Hakmem.Heaps;
using Xunit;

namespace Hakmem.Tests.Architecture;

// docs/operations.md against the library: every option with its names, its default and what it costs, every environment variable, every figure.
public sealed partial class OperationsPageTests
{
    private static readonly string[] s_lines = File.ReadAllLines(Path.Combine(SourceTree.Root, "docs", "operations.md"));
    private static readonly string s_sources = string.Join("\n", SourceTree.FilesBelow(SourceTree.Library).Select(File.ReadAllText));

    public static TheoryData<string> Options { get; } = new(PropertiesOf(typeof(HakmemOptions)).Select(option => option.Name));

    public static TheoryData<string> Figures { get; } = new(PropertiesOf(typeof(HakmemStatistics)).Select(figure => figure.Name));

    [Theory]
    [MemberData(nameof(Options))]
    public void EveryOptionHasARowWithItsNamesAndItsDefault(string option)
    {
        string variable = Regex.Match(s_sources, $"nameof\\({option}\\), \"(HAKMEM_\\w+)\"").Groups[1].Value;
        string start = $"| `{option}` | `{variable}` | ";
        string row = Assert.Single(s_lines, line => line.StartsWith(start, StringComparison.Ordinal));
        string value = Text(typeof(HakmemOptions).GetProperty(option)!.GetValue(new HakmemOptions())!);
        Assert.Matches($"^{Regex.Escape(start)}(`HAKMEM_\\w+` )?\\| {Regex.Escape(value)}(:| \\(| \\|)", row);
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

    [Fact]
    public void WhatIsLookedForAtStartIsAllThatOptionsAreReadFrom()
    {
        string readers = File.ReadAllText(Path.Combine(SourceTree.Library, "Api", "HakmemOptions.cs")) +
            File.ReadAllText(Path.Combine(SourceTree.Library, "Heaps", "OriginalSwitches.cs"));
        Assert.Equal(PropertiesOf(typeof(HakmemOptions)).Select(option => option.Name).Order(), WordsOf("Keys").Order());
        Assert.Equal(
            Variable().Matches(string.Join("\n", readers.Split('"').Where((_, index) => index % 2 == 1))).Select(match => match.Value).Distinct().Order(),
            WordsOf("Variables").Select(word => "HAKMEM_" + word).Order());
    }

    [Theory]
    [MemberData(nameof(Figures))]
    public void EveryFigureHasARow(string figure) => Assert.Contains(
        s_lines, line => line.StartsWith("| `", StringComparison.Ordinal) && line.Split('|')[1].Contains($"`{figure}`", StringComparison.Ordinal));

    private static string[] WordsOf(string constant) =>
        ((string)typeof(HakmemSettings).GetField(constant, BindingFlags.NonPublic | BindingFlags.Static)!.GetRawConstantValue()!).Split(' ');

    private static PropertyInfo[] PropertiesOf(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly);

    // What a bullet is about: the names in bold that it begins with.
    private static string Told(string line) => Bold().Match(line).Value;

    private static string Text(object value) => value switch
    {
        TimeSpan time => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds} s"),
        bool flag => flag ? "`true`" : "`false`",
        Enum => $"`{value}`",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    [GeneratedRegex("HAKMEM_[A-Z_]+[A-Z]")]
    private static partial Regex Variable();

    [GeneratedRegex(@"(?<=^- )\*\*[^*]+\*\*((, | and )\*\*[^*]+\*\*)*")]
    private static partial Regex Bold();
}
