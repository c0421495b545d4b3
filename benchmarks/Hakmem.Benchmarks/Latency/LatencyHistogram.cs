using System;
using System.Numerics;

namespace Hakmem.Benchmarks.Latency;

/// <summary>
/// Counts durations in nanoseconds in buckets whose width grows with the duration: 64 to a doubling, so that a percentile is within 1.6 %
/// of the truth. Recording is an index and an increment, with no branch but the last bucket's and no allocation.
/// </summary>
/// <remarks>Not thread-safe: each measured thread has its own.</remarks>
internal sealed class LatencyHistogram
{
    private const int StepsShift = 6;
    private const int Steps = 1 << StepsShift;

    // Up to 2^36 ns, more than a minute.
    private const int Doublings = 36 - StepsShift;

    private readonly long[] _counts = new long[(Doublings + 1) * Steps];

    /// <summary>How many durations were recorded.</summary>
    public long Count { get; private set; }

    /// <summary>The longest of them, exactly.</summary>
    public long Maximum { get; private set; }

    /// <summary>Records a duration.</summary>
    public void Record(long nanoseconds)
    {
        _counts[Math.Min(IndexOf(Math.Max(nanoseconds, 0)), _counts.Length - 1)]++;
        Count++;
        Maximum = Math.Max(Maximum, nanoseconds);
    }

    /// <summary>The duration that a share of all is not above, in nanoseconds: the upper end of its bucket.</summary>
    /// <param name="share">From 0 to 1.</param>
    public long Percentile(double share)
    {
        long wanted = Math.Max(1, (long)Math.Ceiling(Count * share));
        long seen = 0;
        for (int index = 0; index < _counts.Length; index++)
        {
            seen += _counts[index];
            if (seen >= wanted)
            {
                return Math.Min(LastOf(index), Maximum);
            }
        }

        return Maximum;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
        Maximum = 0;
    }

    // The first 128 buckets are a nanosecond wide; each 64 after them twice as wide as those before.
    private static int IndexOf(long value)
    {
        int doubling = Math.Max(0, BitOperations.Log2((ulong)value) - StepsShift);
        return (doubling << StepsShift) + (int)(value >> doubling);
    }

    private static long LastOf(int index)
    {
        int doubling = Math.Max(0, (index >> StepsShift) - 1);
        return ((long)(index - (doubling << StepsShift) + 1) << doubling) - 1;
    }
}
