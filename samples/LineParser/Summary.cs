using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.LineParser;

// What a file had in it.
internal sealed class Summary(IEnumerable<Station> stations)
{
    public IReadOnlyList<Station> Stations { get; } = [.. stations.OrderBy(station => station.Name, StringComparer.Ordinal)];

    public long Lines => Stations.Sum(station => station.Count);

    public bool Matches(Summary other) => Stations.SequenceEqual(other.Stations);
}
