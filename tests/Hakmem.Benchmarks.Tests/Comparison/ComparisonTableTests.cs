using System;
using System.IO;
using System.Linq;
using Hakmem.Benchmarks.Comparison;
using Spectre.Console;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Comparison;

public sealed class ComparisonTableTests
{
    [Fact]
    public void RowShowsSpreadsRatiosAndDifference()
    {
        string[] cells = CellsOf(Written(new([Figures.Row([10, 11, 12], [14, 15, 16.5])], []), limit: null));
        Assert.Equal(
            [
                "tiny-hot", "hakmem", "11.0 ns (10.0 ns–12.0 ns)", "15.0 ns (14.0 ns–16.5 ns)",
                "1.364", "1.400", "+36.4 %",
            ],
            cells);
    }

    [Fact]
    public void OverlappingRowSaysNone() =>
        Assert.Equal("none", CellsOf(Written(new([Figures.Row([10, 11, 12], [11, 12, 13])], []), limit: null))[^1]);

    [Fact]
    public void FailuresAndRowsAboveTheLimitAreNamed()
    {
        ComparisonRow slower = Figures.Row([10, 10, 10], [13, 13, 13]);
        string written = Written(new([slower], ["batch with hakmem failed in the base: exit code 134."]), limit: 1.2);
        Assert.Contains("batch with hakmem failed in the base: exit code 134.", written, StringComparison.Ordinal);
        Assert.Contains(
            "tiny-hot with hakmem is slower than the limit of 1.20 allows: 1.300.", written, StringComparison.Ordinal);
        Assert.DoesNotContain("is slower", Written(new([slower], []), limit: 1.3), StringComparison.Ordinal);
        Assert.DoesNotContain("is slower", Written(new([slower], []), limit: null), StringComparison.Ordinal);
    }

    private static string Written(ComparisonResults results, double? limit)
    {
        using StringWriter text = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = 200;
        ComparisonTable.Write(console, results, limit);
        return text.ToString();
    }

    private static string[] CellsOf(string written) =>
    [
        .. written.Split('\n').Single(line => line.Contains("tiny-hot", StringComparison.Ordinal))
            .Trim('│', ' ').Split('│').Select(cell => cell.Trim()),
    ];
}
