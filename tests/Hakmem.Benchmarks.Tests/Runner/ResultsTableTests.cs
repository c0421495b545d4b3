using System;
using System.IO;
using System.Linq;
using Hakmem.Benchmarks.Runner;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Tests.Comparison;
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

    [Fact]
    public void PausesOfATraceAreALineBelowTheTable()
    {
        QuietFigures quiet = new() { Points = [Pause(live: 10, resident: 15), Pause(live: 20, resident: 50)] };
        string written = Written(Rows.Of([5]) with { Quiet = quiet });
        Assert.Contains(
            "tiny-hot, hakmem: 2 pauses with up to 20.0 MiB live, 2.00 resident for a live byte, 2.50 at worst",
            written,
            StringComparison.Ordinal);
    }

    [Fact]
    public void OfARowsProcessesTheOneThatKeptMostHasItsPausesShown()
    {
        Measurement[] processes = [.. Enumerable.Range(1, 3).Select(i =>
            Figures.Process(5) with
            {
                Quiet = new QuietFigures { Points = [Pause(live: 10, resident: 10 * (i % 3 + 1))] },
            })];
        Assert.Equal(3, ResultRow.From(SubjectCatalog.Find("hakmem"), processes).Quiet!.MeanResidentOverLive);
        Assert.Null(Rows.Of([5]).Quiet);
    }

    private static TailFigures Pause(long live, long resident) =>
        new() { LiveBytes = live << 20, ResidentBytes = resident << 20, DirtyBytes = null };

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
