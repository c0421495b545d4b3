using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Scale.Model;

/// <summary>Measures what moving cache lines between two processors of this machine costs.</summary>
internal static class LineCosts
{
    private const int Rounds = 20_000;

    // A table's.
    private const int Lines = 8;
    private const int LineBytes = 64;
    private const int SlotsPerLine = LineBytes / sizeof(long);
    private const int Margin = 2 * SlotsPerLine;

    /// <summary>The assumptions with what was measured in their place; as they are where there is one
    /// processor.</summary>
    public static Assumptions Measure(Assumptions assumptions)
    {
        if (Environment.ProcessorCount == 1)
        {
            return assumptions;
        }

        List<double> turns = [];
        List<double> streams = [];
        long[] shared = new long[Margin + (Lines * SlotsPerLine) + Margin];
        long[] own = new long[shared.Length];
        Crew.Run(2, index => Exchange(shared, own, index, turns, streams));
        return assumptions with
        {
            TransferNanoseconds = Median(turns) / 2,
            StreamNanoseconds = Math.Max(0, Median(streams) / Lines),
        };
    }

    // The threads write the same lines by turns, then pass a turn on and do nothing else. What a turn with writes takes
    // longer than writes to lines that no other thread has is the time for the lines.
    private static void Exchange(long[] shared, long[] own, int index, List<double> turns, List<double> streams)
    {
        ref long turn = ref shared[0];
        long[] mine = index == 0 ? own : (long[])own.Clone();
        for (int round = 0; round < Rounds; round++)
        {
            Await(ref turn, index);
            long start = Stopwatch.GetTimestamp();
            Write(shared, round);
            long written = Stopwatch.GetTimestamp();
            Write(mine, round);
            long ended = Stopwatch.GetTimestamp();
            if (index == 0)
            {
                streams.Add(Nanoseconds(written - start - (ended - written)));
            }

            Interlocked.Increment(ref turn);
        }

        for (int round = 0; round < Rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            Await(ref turn, index);
            Interlocked.Increment(ref turn);
            if (index == 0)
            {
                turns.Add(Nanoseconds(Stopwatch.GetTimestamp() - start));
            }
        }
    }

    private static void Await(ref long turn, int index)
    {
        while ((Volatile.Read(ref turn) & 1) != index)
        {
        }
    }

    private static void Write(long[] lines, long value)
    {
        for (int i = Margin; i < Margin + (Lines * SlotsPerLine); i++)
        {
            lines[i] += value;
        }
    }

    private static double Nanoseconds(long ticks) => ticks * 1e9 / Stopwatch.Frequency;

    private static double Median(List<double> samples)
    {
        samples.Sort();
        return samples[samples.Count / 2];
    }
}
