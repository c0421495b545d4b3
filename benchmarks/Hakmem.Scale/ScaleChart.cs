using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Hakmem.Scale.Model;
using ScottPlot;

namespace Hakmem.Scale;

/// <summary>
/// Draws the per cent of the ideal over processors, a line for each scenario. The axis of processors is logarithmic.
/// The picture is as wide as a README's column on GitHub, at two pixels for each of the page's.
/// </summary>
internal static class ScaleChart
{
    private const int PageWidth = 830;
    private const int PageHeight = 460;
    private const int PixelsPerPagePixel = 2;
    private const float LabelSize = 14;
    private const double Top = 110;

    /// <summary>Draws a report's model.</summary>
    public static void Save(ScaleReport report, string path)
    {
        Plot plot = new() { ScaleFactor = PixelsPerPagePixel };
        IEnumerable<ModelPoint> points = report.Model!.Concat(report.SingleQueue ?? []);
        foreach (IGrouping<string, ModelPoint> scenario in points.GroupBy(point => point.Scenario))
        {
            ModelPoint[] drawn = [.. scenario.Where(point => point.PercentOfIdeal is not null)];
            ScottPlot.Plottables.Scatter line = plot.Add.Scatter(
                drawn.Select(point => Math.Log2(point.Processors)).ToArray(),
                drawn.Select(point => point.PercentOfIdeal!.Value).ToArray());
            line.LegendText = scenario.Key;
            line.LineWidth = 2;
        }

        int[] processors = [.. points.Select(point => point.Processors).Distinct().Order()];
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. processors.Select(count => new Tick(Math.Log2(count), count.ToString(CultureInfo.InvariantCulture)))]);
        plot.Axes.Bottom.Label.Text = "processors";
        plot.Axes.Left.Label.Text = "per cent of the ideal";
        plot.Axes.SetLimitsY(0, Top);
        plot.Axes.Bottom.Label.FontSize = LabelSize;
        plot.Axes.Left.Label.FontSize = LabelSize;
        plot.Axes.Bottom.TickLabelStyle.FontSize = LabelSize;
        plot.Axes.Left.TickLabelStyle.FontSize = LabelSize;
        plot.Legend.FontSize = LabelSize;
        plot.ShowLegend(Edge.Right);
        plot.Title(
            $"Simulated with {report.Assumptions!.TransferNanoseconds} ns for a cache line's move " +
            $"({report.Cpu}, {report.Date:yyyy-MM-dd})",
            LabelSize);
        plot.SavePng(path, PageWidth * PixelsPerPagePixel, PageHeight * PixelsPerPagePixel);
    }
}
