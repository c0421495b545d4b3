using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Hakmem.Scale.Counts;
using Hakmem.Scale.Model;
using Spectre.Console;

namespace Hakmem.Scale;

/// <summary>Prints results.</summary>
internal static class ScaleTables
{
    private const int ProcessorsOfBars = 64;

    /// <summary>Prints counts.</summary>
    public static void WriteCounts(IAnsiConsole console, IReadOnlyList<RowCounts> counts)
    {
        console.WriteLine(
            "For a thousand operations, in the steady state (entries of locks, and waits where there were any):");
        Table table = NewTable(
            "workload", "freed by another", "taken from another", "lines of another", "shared lines", "shared words",
            "locks");
        foreach (RowCounts row in counts)
        {
            IEnumerable<string> locks = row.Locks
                .Where(use => use.Entries >= 0.005)
                .Select(use => $"{use.Kind} {Text(use.Entries)}{(use.Waits > 0 ? $" (waits {use.Waits:0.000})" : "")}");
            table.AddRow(
                row.Workload, Text(row.FreedByAnother), Text(row.TakenFromAnother), Text(row.LinesOfAnother),
                Text(row.SharedLines), Text(row.SharedWords), string.Join(", ", locks));
        }

        console.Write(table);
    }

    /// <summary>Prints what the model says, and how it compares with real threads.</summary>
    public static void WriteModel(IAnsiConsole console, ScaleReport report)
    {
        console.WriteLine(
            "The scenarios on real threads, and in the model with what a line's move costs on this machine " +
            "(alone, and as one " +
            "of many) and how much slower a thread is beside others:");
        Table real = NewTable(
            "scenario", "threads", "M/s, real", "M/s, model", "model / real", "ns, alone", "ns, of many", "slower");
        foreach (RealPoint point in report.Real!)
        {
            real.AddRow(
                point.Scenario, point.Threads.ToString(CultureInfo.InvariantCulture), Text(point.MillionsPerSecond),
                Text(point.ModelMillionsPerSecond), Text(point.ModelMillionsPerSecond / point.MillionsPerSecond),
                Text(point.Measured.TransferNanoseconds), Text(point.Measured.StreamNanoseconds),
                Text(point.Measured.Slowdown));
        }

        console.Write(real);
        console.WriteLine(
            $"The model where a line's move takes {Text(report.Assumptions!.TransferNanoseconds)} ns, and " +
            $"{Text(report.Assumptions.StreamNanoseconds)} ns as one of many:");
        IEnumerable<string> counts = ModelRunner.Processors.Select(
            count => count.ToString(CultureInfo.InvariantCulture));
        Table model = NewTable(["scenario", "", .. counts]);
        IEnumerable<ModelPoint> points = report.Model!.Concat(report.SingleQueue!);
        foreach (IGrouping<string, ModelPoint> scenario in points.GroupBy(point => point.Scenario))
        {
            model.AddRow([scenario.Key, "M/s", .. scenario.Select(point => Text(point.MillionsPerSecond))]);
            model.AddRow(
            [
                "", "% of ideal",
                .. scenario.Select(point => point.PercentOfIdeal is { } percent ? Text(percent) : ""),
            ]);
            model.AddRow(["", "% of one", .. scenario.Select(point => Text(point.PercentOfOne))]);
        }

        console.Write(model);
        foreach (ModelPoint point in report.Model!.Where(point => point.Processors == ProcessorsOfBars))
        {
            string waits = string.Join(
                ", ",
                point.WaitedPercent.OrderByDescending(wait => wait.Value).Select(wait => $"{wait.Key} {wait.Value} %"));
            string bar = Scenario.Find(point.Scenario).LeastPercent is { } least
                ? $"{(point.PercentOfIdeal >= least ? "at least" : "BELOW")} {Text(least)} %"
                : "no bar";
            console.WriteLine(
                $"{point.Scenario} at {point.Processors}: {Text(point.PercentOfIdeal ?? 0)} %, {bar}; " +
                $"waits: {(waits.Length > 0 ? waits : "none")}");
        }
    }

    /// <summary>Prints rows of the benchmark program.</summary>
    public static void WriteLibrary(IAnsiConsole console, IReadOnlyList<LibraryPoint> points)
    {
        Table table = NewTable("workload", "workers", "ns", "speed-up");
        foreach (LibraryPoint point in points)
        {
            string workers = point.Workers.ToString(CultureInfo.InvariantCulture);
            table.AddRow(point.Workload, workers, Text(point.Nanoseconds), Text(point.SpeedUp));
        }

        console.Write(table);
    }

    private static Table NewTable(params string[] columns) =>
        new Table { Border = TableBorder.Markdown }.AddColumns(columns);

    private static string Text(double figure) =>
        figure.ToString(figure >= 1000 ? "N0" : "0.0#", CultureInfo.InvariantCulture);
}
