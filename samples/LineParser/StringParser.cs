using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Threading.Tasks;

namespace Hakmem.LineParser;

// The same with a string for each line and for each of its halves, as most code does it.
internal static class StringParser
{
    public static async Task<Summary> ParseAsync(string path)
    {
        Dictionary<string, Station> stations = [];
        using StreamReader reader = new(path);
        while (await reader.ReadLineAsync() is { } line)
        {
            string[] halves = line.Split(';');
            if (!stations.TryGetValue(halves[0], out Station? station))
            {
                station = new Station(halves[0]);
                stations.Add(halves[0], station);
            }

            station.Add(int.Parse(halves[1], CultureInfo.InvariantCulture));
        }

        return new Summary(stations.Values);
    }
}
