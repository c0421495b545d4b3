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

    // A character for each one that a terminal would obey: names come from the process, and may have any.
    public static string Clean(string text) =>
        string.Create(text.Length, text, (characters, from) =>
        {
            for (int i = 0; i < characters.Length; i++)
            {
                characters[i] = char.IsControl(from[i]) ? '\uFFFD' : from[i];
            }
        });

    // A line of an output that may go to a terminal. Only there it is wrapped: between words, where it has any.
    public static void WriteText(this IAnsiConsole console, string line)
    {
        if (console.Profile.Out.IsTerminal)
        {
            console.WriteLine(Clean(line));
        }
        else
        {
            console.Profile.Out.Writer.WriteLine(Clean(line));
        }
    }
}
