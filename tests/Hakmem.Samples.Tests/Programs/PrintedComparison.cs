using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;
using Xunit;

namespace Hakmem.Samples.Tests.Programs;

// A comparison as a sample prints it. Reading one checks that what it says was saved is what its rows differ by.
internal sealed partial class PrintedComparison
{
    private readonly List<PrintedWay> _ways = [];

    private PrintedComparison(string title) => Title = title;

    public string Title { get; }

    // The way that uses Hakmem.
    public PrintedWay Own => _ways[0];

    public PrintedWay this[string name] => Assert.Single(_ways, way => way.Name == name);

    public static IReadOnlyList<PrintedComparison> ReadAll(string output)
    {
        List<PrintedComparison> comparisons = [];
        string title = "";
        int saved = 0;
        foreach (string line in output.Split('\n'))
        {
            if (Head().IsMatch(line))
            {
                comparisons.Add(new PrintedComparison(title));
                saved = 0;
            }
            else if (Way().Match(line) is { Success: true } way)
            {
                comparisons[^1]._ways.Add(new PrintedWay(
                    way.Groups["name"].Value,
                    Whole(way, "ms"),
                    way.Groups["collections"].Value.Split('/').Sum(count => int.Parse(count, CultureInfo.InvariantCulture)),
                    Number(way, "pause"),
                    Whole(way, "kib")));
            }
            else if (Saved().Match(line) is { Success: true } saving)
            {
                // In the order of the rows, for each but Hakmem's.
                saved++;
                comparisons[^1].AssertSaved(comparisons[^1]._ways[saved], saving);
            }
            else if (line.StartsWith("  (fastest of ", StringComparison.Ordinal))
            {
                Assert.True(saved > 0 && saved == comparisons[^1]._ways.Count - 1, $"Not every way is compared: {output}");
            }

            title = line;
        }

        return comparisons;
    }

    // Figures are rounded when they are printed: a difference of two is off by one in the last digit at most.
    private void AssertSaved(PrintedWay other, Match saving)
    {
        Assert.Equal(other.Name, saving.Groups["name"].Value);
        Assert.InRange(Whole(saving, "kib") - (other.AllocatedKiB - Own.AllocatedKiB), -1, 1);
        Assert.Equal(other.Collections - Own.Collections, Whole(saving, "collections"));
        Assert.InRange(Number(saving, "pause") - (other.PauseMs - Own.PauseMs), -0.11, 0.11);
        Assert.True(Number(saving, "share") >= 0);
    }

    private static double Number(Match match, string group) => double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    private static long Whole(Match match, string group) => long.Parse(match.Groups[group].Value, NumberStyles.Number, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^ +time +gen 0/1/2 +GC pause +managed allocation$")]
    private static partial Regex Head();

    [GeneratedRegex(@"^  (?<name>\S.*?) +(?<ms>[\d,]+) ms +(?<collections>\d+/\d+/\d+) +(?<pause>[\d,.]+) ms +(?<kib>[\d,]+) KiB$")]
    private static partial Regex Way();

    [GeneratedRegex(@"^  saved against (?<name>.+): (?<kib>-?[\d,]+) KiB of managed allocation, (?<collections>-?\d+) collections, (?<pause>-?[\d,.]+) ms of pauses; (?<share>[\d.]+) of the time$")]
    private static partial Regex Saved();
}
