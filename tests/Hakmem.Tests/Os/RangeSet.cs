using System.Collections.Generic;

namespace Hakmem.Tests.Os;

// A set of addresses kept as disjoint half-open ranges in ascending order. Not thread-safe.
internal sealed class RangeSet
{
    private readonly List<(nuint Start, nuint End)> _ranges = [];

    public void Add(nuint start, nuint bytes)
    {
        Remove(start, bytes);
        int index = 0;
        while (index < _ranges.Count && _ranges[index].Start < start)
        {
            index++;
        }

        _ranges.Insert(index, (start, start + bytes));
        if (index + 1 < _ranges.Count && _ranges[index + 1].Start == start + bytes)
        {
            _ranges[index] = (start, _ranges[index + 1].End);
            _ranges.RemoveAt(index + 1);
        }

        if (index > 0 && _ranges[index - 1].End == start)
        {
            _ranges[index - 1] = (_ranges[index - 1].Start, _ranges[index].End);
            _ranges.RemoveAt(index);
        }
    }

    public void Remove(nuint start, nuint bytes)
    {
        nuint end = start + bytes;
        for (int index = _ranges.Count - 1; index >= 0; index--)
        {
            (nuint rangeStart, nuint rangeEnd) = _ranges[index];
            if (rangeEnd <= start || rangeStart >= end)
            {
                continue;
            }

            _ranges.RemoveAt(index);
            if (rangeEnd > end)
            {
                _ranges.Insert(index, (end, rangeEnd));
            }

            if (rangeStart < start)
            {
                _ranges.Insert(index, (rangeStart, start));
            }
        }
    }

    // How many bytes of a range are in the set.
    public nuint BytesWithin(nuint start, nuint bytes)
    {
        nuint total = 0;
        foreach ((nuint rangeStart, nuint rangeEnd) in _ranges)
        {
            nuint from = nuint.Max(start, rangeStart);
            nuint to = nuint.Min(start + bytes, rangeEnd);
            total += to > from ? to - from : 0;
        }

        return total;
    }

    public bool Contains(nuint start, nuint bytes) => BytesWithin(start, bytes) == bytes;
}
