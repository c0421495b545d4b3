using System.Globalization;
using System.Linq;
using Hakmem.Benchmarks.Subjects;
using Spectre.Console;

namespace Hakmem.Benchmarks.Runner;

/// <summary>Prints a run for people.</summary>
internal static class ResultsTable
{
    private const double BytesPerMiB = 1 << 20;

    /// <summary>Where and with what, above the progress display.</summary>
    public static void WriteHeader(IAnsiConsole console, BenchmarkEnvironment environment, RunPlan plan)
    {
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"[bold]Hakmem {environment.HakmemVersion}[/] · {environment.Cpu}, {environment.ProcessorCount} processors");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{environment.OperatingSystem}, kernel {environment.Kernel} · load average {environment.LoadAverageText}");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{environment.Runtime} · mimalloc {environment.MimallocVersion ?? "not found"} · huge pages {environment.TransparentHugePages}");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
            $"{plan.ProcessCount} measuring processes, {plan.Rounds} for each row, {plan.RoundsPerProcess} timed rounds in each");
    }

    /// <summary>The table, then what was skipped, then the one figure.</summary>
    public static void WriteResults(IAnsiConsole console, ResultSet results)
    {
        Table table = new() { Border = TableBorder.Rounded };
        table.AddColumns("workload", "subject");
        string[] headings =
            ["ns/op", "slowest", "speed-up", "vs best peer", "ops/s", "peak MiB", "end MiB", "minor faults"];
        foreach (string heading in headings)
        {
            table.AddColumn(new TableColumn(heading).RightAligned());
        }

        string previous = "";
        foreach (ResultRow row in results.Rows)
        {
            if (previous.Length > 0 && previous != row.Workload)
            {
                table.AddEmptyRow();
            }

            table.AddRow(
                Markup.Escape(row.Workload),
                Styled(row, row.Subject),
                Styled(row, Figure(row.Nanoseconds)),
                Styled(row, Figure(row.SlowestNanoseconds)),
                Styled(row, row.SpeedUp?.ToString("0.00", CultureInfo.InvariantCulture) ?? ""),
                Ratio(row),
                Rate(row.OperationsPerSecond),
                MiB(row.PeakResidentBytes),
                MiB(row.EndResidentBytes),
                row.MinorFaults?.ToString("N0", CultureInfo.InvariantCulture) ?? ProcessFigures.NotAvailable);
            previous = row.Workload;
        }

        console.Write(table);
        foreach (ResultRow row in results.Rows.Where(row => row.Tail is not null))
        {
            console.WriteLine(Tail(row, row.Tail!));
        }

        foreach (ResultRow row in results.Rows.Where(row => row.Quiet is not null))
        {
            console.WriteLine(Quiet(row, row.Quiet!));
        }

        foreach (string note in results.Notes)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[yellow]{note}[/]");
        }

        if (results.GeometricMeanRatio() is { } mean)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture,
                $"{SubjectCatalog.Hakmem}: geometric mean of time over the best peer's, all workloads: [bold]{mean:0.00}[/]");
        }
    }

    private static string Styled(ResultRow row, string text) => row.Role switch
    {
        SubjectRole.Ours => $"[bold]{Markup.Escape(text)}[/]",
        SubjectRole.Baseline => $"[dim]{Markup.Escape(text)}[/]",
        _ => Markup.Escape(text),
    };

    private static string Ratio(ResultRow row)
    {
        if (row.RatioToBestPeer is not { } ratio || row.Role == SubjectRole.Baseline)
        {
            return "";
        }

        string text = ratio.ToString(ratio < 10 ? "0.00" : "0.0", CultureInfo.InvariantCulture);
        return row.Role == SubjectRole.Ours ? $"[bold {(ratio <= 1 ? "green" : "red")}]{text}[/]" : text;
    }

    private static string Tail(ResultRow row, TailFigures tail)
    {
        string dirty = tail.DirtyBytes is { } bytes
            ? $", {MiB(bytes)} dirty ({Figure(tail.DirtyOverLive!.Value)})"
            : "";
        string resident = $"{MiB(tail.ResidentBytes)} resident ({Figure(tail.ResidentOverLive)} of the live ones)";
        return $"{row.Workload}, {row.Subject}: of {MiB(tail.LiveBytes)} MiB live, {resident}{dirty}";
    }

    private static string Quiet(ResultRow row, QuietFigures quiet)
    {
        string resident = $"{Figure(quiet.MeanResidentOverLive)} resident for a live byte, " +
            $"{Figure(quiet.Worst.ResidentOverLive)} at worst";
        return $"{row.Workload}, {row.Subject}: {quiet.Points.Count} pauses with up to " +
            $"{MiB(quiet.MaximumLiveBytes)} MiB live, {resident}";
    }

    private static string Figure(double nanoseconds) =>
        nanoseconds.ToString(nanoseconds < 100 ? "0.00" : "N0", CultureInfo.InvariantCulture);

    private static string Rate(double perSecond) => perSecond switch
    {
        >= 1e6 => (perSecond / 1e6).ToString("0.00", CultureInfo.InvariantCulture) + " M",
        >= 1e3 => (perSecond / 1e3).ToString("0.00", CultureInfo.InvariantCulture) + " k",
        _ => perSecond.ToString("0.00", CultureInfo.InvariantCulture),
    };

    private static string MiB(long bytes) => (bytes / BytesPerMiB).ToString("0.0", CultureInfo.InvariantCulture);
}
