using System;
using System.Collections.Generic;
using System.Linq;
using ScottPlot;

namespace Hakmem.Benchmarks.Latency;

/// <summary>
/// Draws a latency run: a panel for each pattern and kind of call, a line for each subject from the median to the maximum. Both axes are
/// logarithmic: each step to the right is ten times rarer.
/// </summary>
internal static class LatencyChart
{
    private const int PanelWidth = 620;
    private const int PanelHeight = 420;

    private static readonly string[] s_shares = ["p50", "p99", "p99.9", "p99.99", "max"];

    /// <summary>Draws the results.</summary>
    public static void Save(LatencyResults results, string path)
    {
        (string Pattern, string Call)[] panels = [.. results.Rows.Select(row => (row.Pattern, row.Call)).Distinct()];
        if (panels.Length == 0)
        {
            return;
        }

        Multiplot chart = new();
        chart.AddPlots(panels.Length);
        int rows = (panels.Length + 1) / 2;
        chart.Layout = new ScottPlot.MultiplotLayouts.Grid(rows, 2);
        for (int i = 0; i < panels.Length; i++)
        {
            Draw(chart.GetPlot(i), panels[i].Pattern, panels[i].Call, results.Rows);
        }

        chart.SavePng(path, PanelWidth * 2, PanelHeight * rows);
    }

    private static void Draw(Plot plot, string pattern, string call, IReadOnlyList<LatencyRow> rows)
    {
        foreach (LatencyRow row in rows.Where(row => row.Pattern == pattern && row.Call == call))
        {
            double[] heights = [.. new[] { row.P50, row.P99, row.P999, row.P9999, row.Maximum }.Select(value => Math.Log10(Math.Max(value, 1)))];
            ScottPlot.Plottables.Scatter line = plot.Add.Scatter(Enumerable.Range(0, heights.Length).Select(i => (double)i).ToArray(), heights);
            line.LegendText = row.Subject;
            line.LineWidth = row.Subject == Subjects.SubjectCatalog.Hakmem ? 4 : 1.5f;
        }

        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. s_shares.Select((name, position) => new Tick(position, name))]);
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. Enumerable.Range(0, 10).Select(power => new Tick(power, $"{Math.Pow(10, power):N0}"))]);
        plot.Axes.Left.Label.Text = "ns";
        plot.Title($"{pattern}, {call}", 14);
        plot.ShowLegend(Alignment.UpperLeft);
    }
}
