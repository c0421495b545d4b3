using System.Threading;
using Hakmem.Guarded;
using Hakmem.Profiling;
using Hakmem.Records;

namespace Hakmem.Heaps;

// What a heap's small allocations are sampled for: a profiler, guarded sampling, or both, each independently of the
// other. A class's next sample is drawn for both together, with what it is for; so there is one countdown. Immutable.
internal sealed unsafe class HeapSampling(HeapSampler? profiler, GuardedSampling? guards)
{
    // Tells such objects apart. Interlocked.
    private static long s_last;

    // From 1 on: a thread's cache has the number of the one that its countdowns were drawn by.
    public long Number { get; } = Interlocked.Increment(ref s_last);

    public HeapSampler? Profiler => profiler;

    public GuardedSampling? Guards => guards;

    // Draws how many allocations of a class are served before the next sampled one, and what that is for.
    public void Draw(ProfileBin* countdown, int blockBytes)
    {
        double forProfiler = profiler?.RateOf((nuint)blockBytes) ?? 0;
        double forGuards = guards?.RateOf(blockBytes) ?? 0;
        double sum = forProfiler + forGuards;
        countdown->Until = SampleChance.AllocationsBefore(sum);
        countdown->IsGuarded = forGuards > 0 && SampleChance.IsOfFirst(forGuards, sum);
        bool isProfiled = forProfiler > 0 && (!countdown->IsGuarded || SampleChance.IsDrawn(forProfiler));
        countdown->Weight = isProfiled ? SampleChance.WeightOf(forProfiler) : 0;
    }

    // The same for one allocation that no countdown counts. The countdown's Until is not set.
    public void DrawOne(ProfileBin* countdown, int blockBytes)
    {
        double forProfiler = profiler?.RateOf((nuint)blockBytes) ?? 0;
        countdown->IsGuarded = SampleChance.IsDrawn(guards?.RateOf(blockBytes) ?? 0);
        countdown->Weight = SampleChance.IsDrawn(forProfiler) ? SampleChance.WeightOf(forProfiler) : 0;
    }
}
