using System.Globalization;
using System.Linq;
using Hakmem.Benchmarks.Subjects;
using Spectre.Console;

namespace Hakmem.Benchmarks.Latency;

/// <summary>Prints a latency run, a table for each pattern.</summary>
internal static class LatencyTable
{
    /// <summary>Prints everything.</summary>
    public static void Write(IAnsiConsole console, LatencyResults results)
    {
        console.WriteLine(
            $"{results.Environment.Cpu}, {results.Environment.Runtime}; nanoseconds, the least of {results.Rounds} processes; mimalloc " +
            (results.Environment.MimallocVersion ?? "none"));
        foreach (IGrouping<string, LatencyRow> pattern in results.Rows.GroupBy(row => row.Pattern))
        {
            Table table = new() { Border = TableBorder.Rounded, Title = new TableTitle(Markup.Escape(Title(pattern.Key))) };
            table.AddColumns("subject", "call");
            foreach (string column in new[] { "p50", "p99", "p99.9", "p99.99", "max", "p99.99 vs mimalloc" })
            {
                table.AddColumn(new TableColumn(column).RightAligned());
            }

            foreach (LatencyRow row in pattern.OrderBy(row => row.Call))
            {
                LatencyRow? mimalloc = pattern.FirstOrDefault(other => other.Subject == "mimalloc" && other.Call == row.Call);
                string ratio = mimalloc is null ? "" : ((double)row.P9999 / mimalloc.P9999).ToString("0.00", CultureInfo.InvariantCulture);
                string name = row.Subject == SubjectCatalog.Hakmem ? $"[bold]{row.Subject}[/]" : Markup.Escape(row.Subject);
                table.AddRow(name, row.Call, Text(row.P50), Text(row.P99), Text(row.P999), Text(row.P9999), Text(row.Maximum), ratio);
            }

            console.Write(table);
        }

        console.WriteLine("The null rows are two timestamps with nothing between them: the least that this way of measuring can show.");
        foreach (string note in results.Notes)
        {
            console.WriteLine(note);
        }
    }

    private static string Title(string pattern) => $"{pattern}: {LatencyCatalog.Find(pattern).Definition}";

    private static string Text(long nanoseconds) => nanoseconds.ToString("N0", CultureInfo.InvariantCulture);
}
