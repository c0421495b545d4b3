using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Hakmem.QuickStart;

// What the operating system says this process has in physical memory, moment by moment: the whole process, the runtime included.
internal sealed class ResidentSet
{
    private const double BytesPerMiB = 1 << 20;

    private readonly Table _table = new Table().RoundedBorder().AddColumn("what the system holds for this process");

    public ResidentSet() => _table.AddColumn(new TableColumn("resident").RightAligned());

    // Notes the present size under a name.
    public void Note(string moment)
    {
        using Process process = Process.GetCurrentProcess();
        AddRow(moment, process.WorkingSet64);
    }

    public void Show()
    {
        using Process process = Process.GetCurrentProcess();
        AddRow("the peak", process.PeakWorkingSet64);
        AnsiConsole.Write(_table);
        AnsiConsole.WriteLine();
    }

    private void AddRow(string moment, long bytes) =>
        _table.AddRow(moment, string.Create(CultureInfo.InvariantCulture, $"{bytes / BytesPerMiB:0.0} MiB"));
}
