using System;
using System.Globalization;
using Spectre.Console;

namespace Hakmem.Tool.Display;

// Numbers as people read them, in the invariant culture.
internal static class Texts
{
    public static string Bytes(long bytes) => bytes < 0 ? "-" + HakmemStatistics.Size(-bytes)
        : HakmemStatistics.Size(bytes);

    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    public static string Share(double? share) =>
        share is { } value ? string.Create(CultureInfo.InvariantCulture, $"{Rounded(100 * value):0.0} %") : "";

    public static string Share(long part, long whole) => Share(whole == 0 ? null : (double)part / whole);

    // Nothing has no sign: the sum of -0 and 0 is 0.
    private static double Rounded(double value) => Math.Round(value, 1) + 0.0;

    public static Table NewTable(params string[] columns)
    {
        Table table = new() { Border = TableBorder.Simple, ShowHeaders = true };
        foreach (string column in columns)
        {
            // A column of numbers is marked by a > in front.
            bool isNumber = column.StartsWith('>');
            TableColumn added = new(Markup.Escape(isNumber ? column[1..] : column)) { NoWrap = isNumber };
            table.AddColumn(isNumber ? added.RightAligned() : added);
        }

        return table;
    }

    public static void AddTextRow(this Table table, params string[] cells)
    {
        Text[] texts = new Text[cells.Length];
        for (int i = 0; i < cells.Length; i++)
        {
            texts[i] = new Text(cells[i]);
        }

        table.AddRow(texts);
    }
}
