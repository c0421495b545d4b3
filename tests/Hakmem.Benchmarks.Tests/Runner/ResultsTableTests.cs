using System;
using System.IO;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Spectre.Console;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Runner;

public sealed class ResultsTableTests
{
    [Fact]
    public void RowShowsSlowestProcessAndSpeedUp()
    {
        string written = Written(Rows.Of([5, 7], oneWorker: [9]));
        Assert.Equal(
            ["workload", "subject", "ns/op", "slowest", "speed-up", "vs best peer"],
            CellsOf(written, "workload")[..6]);
        Assert.Equal(["tiny-hot", "hakmem", "5.00", "7.00", "1.80", ""], CellsOf(written, "tiny-hot")[..6]);
    }

    [Fact]
    public void RowOfOneThreadShowsNoSpeedUp() =>
        Assert.Equal(["5.00", "7.00", ""], CellsOf(Written(Rows.Of([5, 7])), "tiny-hot")[2..5]);

    private static string Written(ResultRow row)
    {
        using StringWriter text = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = 160;
        ResultsTable.WriteResults(
            console, new ResultSet { Environment = Rows.Environment(), Rounds = 2, Rows = [row], Notes = [] });
        return text.ToString();
    }

    private static string[] CellsOf(string written, string first) =>
    [
        .. written.Split('\n').First(line => line.Contains(first, StringComparison.Ordinal))
            .Trim('│', '\r').Split('│').Select(cell => cell.Trim()),
    ];
}
