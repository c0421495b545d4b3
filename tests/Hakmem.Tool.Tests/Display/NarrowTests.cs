using System;
using System.IO;
using System.Linq;
using Hakmem.Tool.Answers;
using Hakmem.Tool.Display;
using Spectre.Console;
using Spectre.Console.Rendering;
using Xunit;

namespace Hakmem.Tool.Tests.Display;

// The tables of made heaps on terminals of several widths: each figure is there, in one piece.
public sealed class NarrowTests
{
    private static readonly HeapAnswer s_heap = new()
    {
        Slot = 31,
        Name = "orders-of-the-day",
        LiveBytes = 123L << 20,
        LiveBlocks = 1_234_567,
        CachedBytes = 45L << 20,
        DirtyBytes = 678L << 20,
        ResidentBytes = 543L << 20,
        CommittedBytes = 1_000L << 20,
        PeakCommittedBytes = 1_001L << 20,
        LimitBytes = 1_002L << 20,
        RefusedAllocations = 98_765,
        ThreadCaches = 4_321,
        SizeClasses = [new ClassAnswer(1 << 10, 22_222, 33_333, 444, 55L << 20, 66L << 20)],
    };

    [Theory]
    [InlineData(32)]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(100)]
    [InlineData(160)]
    public void ATableOfHeapsIsReadableAtAnyWidth(int width)
    {
        string text = Render(HeapTable.Of([s_heap, s_heap with { Name = "other", Slot = 7 }]), width);
        AssertHas(
            text, width, "orders-of-the-day", "other", "31", "7", "123 MiB", "1,234,567", "45 MiB", "678 MiB",
            "543 MiB", "1000 MiB", "1001 MiB", "1002 MiB", "98,765", "4,321", "live/dirty", "committed", "refused");
    }

    [Theory]
    [InlineData(20)]
    [InlineData(40)]
    [InlineData(80)]
    [InlineData(160)]
    public void ATableOfClassesIsReadableAtAnyWidth(int width) => AssertHas(
        Render(HeapTable.OfClasses(s_heap), width), width, "1 KiB", "22,222", "33,333", "444", "55 MiB", "66 MiB",
        "live/dirty");

    // Words are wrapped as long as each column of them has some room; then each row is a list.
    [Theory]
    [InlineData(40)]
    [InlineData(60)]
    [InlineData(160)]
    public void ATableOfWordsIsReadableAtAnyWidth(int width)
    {
        FigureTable table = new(leading: 0, ">resident", ">share", "row", "how it is known, and its parts");
        table.AddRow("17.28 MiB", "30.7 %", "collector: allocated", new Cell(["its size", "and 1.25 MiB more"]));
        string text = Render(table, width);
        AssertHas(text, width, "resident", "17.28 MiB", "30.7 %", "collector:", "its size", "1.25 MiB", "more");
        Assert.Equal(width == 40, text.StartsWith("resident", StringComparison.Ordinal));
    }

    // A list is shorter than tables of which each would have one figure.
    [Fact]
    public void ARowIsAListWhereItsTablesWouldHaveAFigureEach()
    {
        FigureTable table = new(leading: 1, "heap", ">live", ">dirty", ">cached");
        table.AddRow("orders-of-the-day", "1000.25 MiB", "1001.25 MiB", "");
        string[] lines = [.. Render(table, 40).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(
            line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
        Assert.Equal(["heap orders-of-the-day", "live 1000.25 MiB", "dirty 1001.25 MiB", ""], lines);
    }

    private static string Render(IRenderable table, int width)
    {
        StringWriter text = new();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            Out = new AnsiConsoleOutput(text),
        });
        console.Profile.Width = width;
        console.Write(table);
        return text.ToString();
    }

    private static void AssertHas(string text, int width, params string[] parts)
    {
        Assert.All(text.Split('\n').Select(line => line.TrimEnd()), line => Assert.InRange(line.Length, 0, width));
        Assert.All(parts, part => Assert.Contains(part, text, StringComparison.Ordinal));
    }
}
