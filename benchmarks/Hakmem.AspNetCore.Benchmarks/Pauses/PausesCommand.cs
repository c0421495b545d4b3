using System.CommandLine;
using System.Globalization;
using Hakmem.AspNetCore.Benchmarks.Runner;
using Hakmem.Benchmarks.Runner;
using Spectre.Console;

namespace Hakmem.AspNetCore.Benchmarks.Pauses;

/// <summary>
/// The <c>pauses</c> command: what a full garbage collection costs a service that holds buffers, on the managed heap and off it.
/// </summary>
internal static class PausesCommand
{
    private const double BytesPerMiB = 1 << 20;
    private const int Collections = 15;

    private static readonly int[] s_heldMiB = [0, 256, 1024];

    private static readonly Option<int> s_bufferBytes = new("--buffer-bytes")
    {
        Description = "The length of a buffer.",
        DefaultValueFactory = _ => 16 << 10,
    };

    private static readonly Option<bool> s_quick = new("--quick") { Description = "Holds a sixteenth: shows that everything runs, not how fast." };

    /// <summary>Builds the command.</summary>
    public static Command Create()
    {
        Command command = new("pauses", "Pauses and heap size of a service that holds up to 1 GiB of buffers.") { s_bufferBytes, s_quick };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        IAnsiConsole console = TerminalConsole.Create();
        Header.Write(console);
        Table table = new() { Border = TableBorder.Rounded };
        table.AddColumn("buffers from");
        foreach (string heading in (string[])["held MiB", "pause ms (median)", "longest", "managed heap MiB", "resident MiB"])
        {
            table.AddColumn(new TableColumn(heading).RightAligned());
        }

        string bufferBytes = parsed.GetValue(s_bufferBytes).ToString(CultureInfo.InvariantCulture);
        foreach (int held in s_heldMiB)
        {
            int heldMiB = parsed.GetValue(s_quick) ? held / 16 : held;
            foreach (string subject in (string[])[PauseRun.ArrayPoolSubject, PauseRun.OurSubject])
            {
                PauseFigures figures = SelfProcess.Run(
                    FiguresJsonContext.Default.PauseFigures,
                    PauseRun.Name,
                    subject,
                    heldMiB.ToString(CultureInfo.InvariantCulture),
                    bufferBytes,
                    Collections.ToString(CultureInfo.InvariantCulture));
                table.AddRow(
                    subject, Text(heldMiB, "0"), Text(figures.MedianPauseMs, "0.0"), Text(figures.LongestPauseMs, "0.0"),
                    Text(figures.ManagedHeapBytes / BytesPerMiB, "0.0"), Text(figures.ResidentBytes / BytesPerMiB, "0.0"));
            }
        }

        console.Write(table);
        return 0;
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
