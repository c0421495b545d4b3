using System;
using System.Collections.Generic;

namespace Hakmem.Benchmarks.Traces;

/// <summary>
/// Where a program paused: the seconds in which next to nothing was allocated or freed, one for each stretch of them.
/// </summary>
internal static class QuietPoints
{
    /// <summary>The most events of a quiet second: what timers do.</summary>
    public const int MaximumEventsPerSecond = 100;

    private const long Second = 1_000_000;

    /// <summary>Finds them.</summary>
    /// <param name="events">A trace's events.</param>
    /// <returns>For each, how many events are over at the end of its second.</returns>
    public static IReadOnlyList<int> Find(ReadOnlySpan<TraceEvent> events)
    {
        List<int> points = [];
        bool wasQuiet = true;
        int end = 0;
        for (int i = 0; i < events.Length; i++)
        {
            long until = events[i].Microseconds + Second;
            while (end < events.Length && events[end].Microseconds < until)
            {
                end++;
            }

            // The trace's end is none: it may be that only the recording ended.
            bool isQuiet = end < events.Length && end - i - 1 <= MaximumEventsPerSecond;
            if (isQuiet && !wasQuiet)
            {
                points.Add(end);
            }

            wasQuiet = isQuiet;
        }

        return points;
    }
}
