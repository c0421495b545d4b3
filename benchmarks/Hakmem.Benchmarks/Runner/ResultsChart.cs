using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Hakmem.Benchmarks.Subjects;
using ScottPlot;

namespace Hakmem.Benchmarks.Runner;

/// <summary>
/// Draws each subject's time over Hakmem's: one group of bars for each workload. The axis is logarithmic, so that twice
/// as fast and twice as slow are the same length to either side of Hakmem's line. The picture is as wide as a README's
/// column on GitHub, at two pixels for each of the page's, so that its text is as large there as the page's.
/// </summary>
internal static class ResultsChart
{
    private const int PageWidth = 830;
    private const int PageHeightPerBar = 19;
    private const int FrameHeight = 130;
    private const int PixelsPerPagePixel = 2;
    private const double GroupGap = 0.6;
    private const float LabelSize = 14;

    // One colour a subject wherever it appears: ours blue, the C library's malloc grey, peers in warm and green shades.
    private static readonly Dictionary<string, Color> s_colors = new()
    {
        ["hakmem-buffer"] = Color.FromHex("#5B8FF9"),
        ["hakmem-pool"] = Color.FromHex("#9DB8F2"),
        ["hakmem-pool-recycled"] = Color.FromHex("#2F54EB"),
        ["hakmem-full"] = Color.FromHex("#434343"),
        ["hakmem-sampled"] = Color.FromHex("#BFBFBF"),
        ["hakmem-huge"] = Color.FromHex("#1D39C4"),
        ["hakmem-latency"] = Color.FromHex("#6A8AFF"),
        ["nativememory"] = Color.FromHex("#8C8C8C"),
        ["mimalloc"] = Color.FromHex("#E8684A"),
        ["mimalloc-terrafx"] = Color.FromHex("#F4A58A"),
        ["mimalloc-flowtide"] = Color.FromHex("#A8431F"),
        ["jemalloc"] = Color.FromHex("#F6BD16"),
        ["tcmalloc"] = Color.FromHex("#3BA272"),
        ["arraypool"] = Color.FromHex("#9270CA"),
        ["memorypool"] = Color.FromHex("#C8A2DE"),
        ["new-array"] = Color.FromHex("#A0522D"),
        ["dotnext-pool"] = Color.FromHex("#269A99"),
        ["memorystream"] = Color.FromHex("#B8860B"),
        ["recyclablestream"] = Color.FromHex("#6F5EF9"),
    };

    /// <summary>Draws the results of a run; workloads that Hakmem has no result for are left out.</summary>
    public static void Save(ResultSet results, string path)
    {
        IGrouping<string, ResultRow>[] workloads = [.. results.Rows
            .GroupBy(row => row.Workload)
            .Where(group => group.Any(row => row.Subject == SubjectCatalog.Hakmem))];

        if (workloads.Length == 0)
        {
            return;
        }

        Plot plot = new() { ScaleFactor = PixelsPerPagePixel };
        double bars = DrawGroups(plot, workloads);
        DrawScale(plot);
        DrawLegend(plot, workloads.SelectMany(Compared).Select(row => row.Subject).ToHashSet());
        BenchmarkEnvironment where = results.Environment;
        plot.Title($"Right of the line: slower than Hakmem ({where.Cpu}, {where.Date:yyyy-MM-dd})", LabelSize);
        int pageHeight = FrameHeight + (int)(bars * PageHeightPerBar);
        plot.SavePng(path, PageWidth * PixelsPerPagePixel, pageHeight * PixelsPerPagePixel);
    }

    // Returns how many bars' height the groups take, the gaps between them included.
    private static double DrawGroups(Plot plot, IGrouping<string, ResultRow>[] workloads)
    {
        double position = 0;
        List<Tick> ticks = [];
        foreach (IGrouping<string, ResultRow> workload in workloads)
        {
            double ours = workload.First(row => row.Subject == SubjectCatalog.Hakmem).Nanoseconds;
            double first = position;
            foreach (ResultRow row in Compared(workload))
            {
                DrawBar(plot, row, ours, position--);
            }

            string oursText = ours.ToString(ours < 100 ? "0.0" : "N0", CultureInfo.InvariantCulture);
            ticks.Add(new Tick((first + position + 1) / 2, $"{workload.Key}\n{oursText} ns"));
            position -= GroupGap;
        }

        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericManual([.. ticks]);
        plot.Axes.Left.TickLabelStyle.FontSize = LabelSize;
        return -position;
    }

    private static void DrawBar(Plot plot, ResultRow row, double ours, double position)
    {
        double ratio = row.Nanoseconds / ours;
        Bar bar = new()
        {
            Position = position,
            Value = Math.Log10(ratio),
            FillColor = s_colors.GetValueOrDefault(row.Subject, Colors.Black),
            LineWidth = 0,
            Orientation = Orientation.Horizontal,
            Size = 0.85,
            Label = ratio.ToString(ratio < 10 ? "0.00" : "0", CultureInfo.InvariantCulture),
        };
        ScottPlot.Plottables.BarPlot plotted = plot.Add.Bar(bar);
        plotted.ValueLabelStyle.FontSize = LabelSize;
    }

    // Powers of ten as they are read, over positions that are logarithms.
    private static void DrawScale(Plot plot)
    {
        Tick[] ticks = [.. Enumerable.Range(-3, 9).Select(power => new Tick(power, power switch
        {
            < 0 => $"1/{Math.Pow(10, -power):0}",
            _ => $"{Math.Pow(10, power):0}",
        }))];
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(ticks);
        plot.Axes.Bottom.Label.Text = "ns per operation, divided by Hakmem's (log scale; 1 = Hakmem)";
        plot.Axes.Bottom.Label.FontSize = LabelSize;
        plot.Axes.Bottom.TickLabelStyle.FontSize = LabelSize;
        ScottPlot.Plottables.VerticalLine line = plot.Add.VerticalLine(0);
        line.Color = Colors.Black;
        line.LineWidth = 1.5f;
        plot.Axes.Margins(horizontal: 0.18, vertical: 0.01);
        plot.HideGrid();
    }

    private static void DrawLegend(Plot plot, HashSet<string> shown)
    {
        plot.Legend.ManualItems.AddRange(s_colors
            .Where(color => shown.Contains(color.Key))
            .Select(color => new LegendItem { LabelText = color.Key, FillColor = color.Value, LineWidth = 0 }));
        plot.Legend.FontSize = LabelSize;
        plot.Legend.Orientation = Orientation.Horizontal;
        plot.ShowLegend(Edge.Bottom);
    }

    // Everything but the line itself and the empty loop.
    private static IEnumerable<ResultRow> Compared(IEnumerable<ResultRow> workload) =>
        workload.Where(row => row.Role != SubjectRole.Baseline && row.Subject != SubjectCatalog.Hakmem);
}
