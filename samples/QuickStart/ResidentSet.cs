using System;
using System.Globalization;
using System.IO;
using Spectre.Console;

namespace Hakmem.QuickStart;

// What the kernel says this process has in physical memory, moment by moment: the whole process, the runtime included.
internal sealed class ResidentSet
{
    private readonly Table _table = new Table().RoundedBorder().AddColumn("what the system holds for this process");

    public ResidentSet() => _table.AddColumn(new TableColumn("VmRSS").RightAligned());

    // Notes the present size under a name.
    public void Note(string moment) => _table.AddRow(moment, MiB("VmRSS:"));

    public void Show()
    {
        _table.AddRow("the peak (VmHWM)", MiB("VmHWM:"));
        AnsiConsole.Write(_table);
        AnsiConsole.WriteLine();
    }

    // A line of /proc/self/status such as "VmRSS:     12345 kB".
    private static string MiB(string name)
    {
        foreach (string line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                string number = line[name.Length..].Replace("kB", null, StringComparison.Ordinal).Trim();
                double mebibytes = long.Parse(number, CultureInfo.InvariantCulture) / 1024.0;
                return string.Create(CultureInfo.InvariantCulture, $"{mebibytes:0.0} MiB");
            }
        }

        throw new InvalidOperationException($"/proc/self/status has no line {name}");
    }
}
