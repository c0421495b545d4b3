using System;
using System.Globalization;

namespace Hakmem.LineParser;

// What was measured at one station, in tenths of a degree.
internal sealed record Station(string Name)
{
    public long Count { get; private set; }

    public long Sum { get; private set; }

    public int Lowest { get; private set; } = int.MaxValue;

    public int Highest { get; private set; } = int.MinValue;

    public void Add(int tenths)
    {
        Count++;
        Sum += tenths;
        Lowest = Math.Min(Lowest, tenths);
        Highest = Math.Max(Highest, tenths);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Name}: {Lowest / 10.0:0.0} .. {Highest / 10.0:0.0}, mean {Sum / 10.0 / Count:0.0} of {Count:N0}");
}
