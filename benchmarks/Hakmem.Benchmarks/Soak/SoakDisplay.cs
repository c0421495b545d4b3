using System;
using System.Globalization;
using System.Linq;
using Spectre.Console;

namespace Hakmem.Benchmarks.Soak;

/// <summary>Shows a run while it lasts: a table that changes in place on a terminal, a line now and then elsewhere.</summary>
internal static class SoakDisplay
{
    private const double MiB = 1 << 20;
    private static readonly TimeSpan s_linePeriod = TimeSpan.FromSeconds(10);

    /// <summary>Runs something that reports samples, and shows them.</summary>
    public static void Show(IAnsiConsole console, Action<Action<SoakSample>> run)
    {
        if (console.Profile.Capabilities.Interactive && !Console.IsOutputRedirected)
        {
            console.Live(new Text("starting")).Start(context => run(sample =>
            {
                context.UpdateTarget(TableOf(sample));
                context.Refresh();
            }));
            return;
        }

        TimeSpan next = TimeSpan.Zero;
        run(sample =>
        {
            if (sample.Elapsed >= next)
            {
                next = sample.Elapsed + s_linePeriod;
                Console.WriteLine(LineOf(sample));
            }
        });
    }

    /// <summary>A sample in a line.</summary>
    public static string LineOf(SoakSample sample) => string.Create(
        CultureInfo.InvariantCulture,
        $"{sample.Elapsed:mm\\:ss}  {sample.Steps.Sum(load => load.Steps):N0} steps, {sample.Checks} checks, {sample.Refusals:N0} calls refused, ") +
        string.Create(
            CultureInfo.InvariantCulture,
            $"{sample.Failures:N0} requests failed; MiB: {sample.LiveBytes / MiB:0} live, {sample.CommittedBytes / MiB:0} committed, {sample.ResidentBytes / MiB:0} resident, {sample.OverheadBytes / MiB:0} beyond the live blocks");

    private static Table TableOf(SoakSample sample)
    {
        Table table = new() { Border = TableBorder.Rounded, Caption = new TableTitle(Markup.Escape(LineOf(sample))) };
        table.AddColumn("load");
        table.AddColumn(new TableColumn("steps").RightAligned());
        table.AddColumn(new TableColumn("a second").RightAligned());
        foreach ((string load, long steps) in sample.Steps)
        {
            table.AddRow(
                Markup.Escape(load),
                steps.ToString("N0", CultureInfo.InvariantCulture),
                (steps / Math.Max(1, sample.Elapsed.TotalSeconds)).ToString("N0", CultureInfo.InvariantCulture));
        }

        return table;
    }
}
