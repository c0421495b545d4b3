using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Threading.Tasks;

namespace Hakmem.Samples;

// The same work done several ways: they take turns, each one's fastest round counts, and the table says what the first way saved against each of
// the others.
internal sealed class Contest(string title, int rounds)
{
    private readonly List<(string Name, Func<Task> Work)> _ways = [];

    public IReadOnlyList<(string Name, Cost Cost)> Results { get; private set; } = [];

    public Contest Add(string name, Func<Task> work)
    {
        _ways.Add((name, work));
        return this;
    }

    public async Task<Contest> RunAsync()
    {
        // Once for the JIT compiler and the file cache.
        foreach ((_, Func<Task> work) in _ways)
        {
            await work();
        }

        var best = new Cost?[_ways.Count];
        for (int round = 0; round < rounds; round++)
        {
            for (int way = 0; way < best.Length; way++)
            {
                Cost cost = await Cost.OfAsync(_ways[way].Work);
                best[way] = best[way] is { } earlier && earlier.Time <= cost.Time ? earlier : cost;
            }
        }

        var results = new List<(string, Cost)>();
        for (int way = 0; way < best.Length; way++)
        {
            results.Add((_ways[way].Name, best[way]!.Value));
        }

        Results = results;
        return this;
    }

    public void Print(TextWriter output)
    {
        output.WriteLine(title);
        output.WriteLine(Text($"  {"",-36}{"time",11}{"gen 0/1/2",14}{"GC pause",12}{"managed allocation",22}"));
        foreach ((string name, Cost cost) in Results)
        {
            string collections = Text($"{cost.Gen0}/{cost.Gen1}/{cost.Gen2}");
            output.WriteLine(Text(
                $"  {name,-36}{cost.Time.TotalMilliseconds,8:N0} ms{collections,14}{cost.Pause.TotalMilliseconds,9:N1} ms{cost.AllocatedBytes / 1024.0,18:N0} KiB"));
        }

        Cost own = Results[0].Cost;
        for (int i = 1; i < Results.Count; i++)
        {
            (string name, Cost other) = Results[i];
            output.WriteLine(Text(
                $"  saved against {name}: {(other.AllocatedBytes - own.AllocatedBytes) / 1024.0:N0} KiB of managed allocation, {Collections(other) - Collections(own)} collections, {(other.Pause - own.Pause).TotalMilliseconds:N1} ms of pauses; {own.Time / other.Time:0.00} of the time"));
        }

        output.WriteLine(Text($"  (fastest of {rounds} rounds by turns; a negative saving is a loss)"));
        output.WriteLine();
    }

    private static int Collections(Cost cost) => cost.Gen0 + cost.Gen1 + cost.Gen2;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
