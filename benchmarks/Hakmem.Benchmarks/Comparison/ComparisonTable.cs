using System.Globalization;
using System.Linq;
using Hakmem.Benchmarks.ProfilingStudy;
using Spectre.Console;

namespace Hakmem.Benchmarks.Comparison;

/// <summary>Prints a comparison for people.</summary>
internal static class ComparisonTable
{
    /// <summary>The table, then what failed and what exceeds the limit.</summary>
    /// <param name="console">Where to print.</param>
    /// <param name="results">What was found.</param>
    /// <param name="limit">The ratio of medians that a row must not exceed, or null.</param>
    public static void Write(IAnsiConsole console, ComparisonResults results, double? limit)
    {
        Table table = new() { Border = TableBorder.Rounded };
        table.AddColumns("workload", "subject");
        foreach (string heading in (string[])["base", "current", "of medians", "of fastest", "difference"])
        {
            table.AddColumn(new TableColumn(heading).RightAligned());
        }

        foreach (ComparisonRow row in results.Rows)
        {
            table.AddRow(
                Markup.Escape(row.Workload),
                Markup.Escape(row.Subject),
                Markup.Escape(Format.Spread(row.Base, Format.Time)),
                Markup.Escape(Format.Spread(row.Current, Format.Time)),
                Ratio(row.RatioOfMedians),
                Ratio(row.RatioOfFastest),
                Difference(row));
        }

        console.Write(table);
        foreach (string failure in results.Failures)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]{failure}[/]");
        }

        foreach (ComparisonRow row in limit is { } most ? results.Rows.Where(row => row.IsSlowerThan(most)) : [])
        {
            string ratio = Ratio(row.RatioOfMedians);
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
                $"[red]{row.Workload} with {row.Subject} is slower than the limit of {limit:0.00} allows: {ratio}.[/]");
        }
    }

    private static string Ratio(double ratio) => ratio.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Difference(ComparisonRow row)
    {
        string text = Markup.Escape(Format.Difference(row.Current, row.Base));
        return row.Current.DifferenceFrom(row.Base) switch
        {
            > 0 => $"[red]{text}[/]",
            < 0 => $"[green]{text}[/]",
            _ => text,
        };
    }
}
