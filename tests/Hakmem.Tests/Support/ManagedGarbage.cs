using System;

namespace Hakmem.Tests.Support;

// The bytes of managed memory that an action makes the calling thread allocate, once it is warm.
//
// The median of several tries, each of so many rounds: the runtime itself allocates now and then on a thread that runs,
// a hundred bytes or so, such as when it compiles a method once more. What the action itself allocates is in all tries.
internal static class ManagedGarbage
{
    private const int Tries = 5;

    public static long Measure(int rounds, Action action)
    {
        long[] tries = new long[Tries];
        for (int i = -1; i < Tries; i++)
        {
            // The first turn compiles, and lets caches grow to what the action needs.
            long bytes = MeasureOnce(rounds, action);
            if (i >= 0)
            {
                tries[i] = bytes;
            }
        }

        return Median(tries);
    }

    // For tries that a test makes itself. Sorts them.
    public static long Median(Span<long> tries)
    {
        tries.Sort();
        return tries[tries.Length / 2];
    }

    private static long MeasureOnce(int rounds, Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < rounds; i++)
        {
            action();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
