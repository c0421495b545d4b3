using System;
using System.Diagnostics;
using System.Threading.Tasks;

namespace Hakmem.Samples;

// What a piece of work cost this process, measured around it: time, and what the garbage collector had to do with it.
internal readonly record struct Cost(TimeSpan Time, int Gen0, int Gen1, int Gen2, TimeSpan Pause, long AllocatedBytes)
{
    public static async Task<Cost> OfAsync(Func<Task> work)
    {
        // What earlier work left behind is collected now, and not on this one's account.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Cost before = Now(TimeSpan.Zero);
        long start = Stopwatch.GetTimestamp();
        await work();
        Cost after = Now(Stopwatch.GetElapsedTime(start));
        return new Cost(
            after.Time,
            after.Gen0 - before.Gen0,
            after.Gen1 - before.Gen1,
            after.Gen2 - before.Gen2,
            after.Pause - before.Pause,
            after.AllocatedBytes - before.AllocatedBytes);
    }

    // GC.CollectionCount counts the collections of older generations among those of younger ones: each is told apart here.
    private static Cost Now(TimeSpan time)
    {
        int gen2 = GC.CollectionCount(2);
        int gen1 = GC.CollectionCount(1);
        return new Cost(
            time,
            GC.CollectionCount(0) - gen1,
            gen1 - gen2,
            gen2,
            GC.GetTotalPauseDuration(),
            GC.GetTotalAllocatedBytes(precise: true));
    }
}
