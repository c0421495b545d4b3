namespace Hakmem.Tests.Support;

// Profilers whose estimates are held against what was allocated.
internal static class Profilers
{
    // Draws by the mean alone, however fast samples come. The bound on them makes estimates less exact.
    public static HakmemProfiler StartUnbounded(HakmemAllocator heap, long mean)
    {
        HakmemProfiler profiler = HakmemProfiler.Start(heap, mean);
        profiler.MaxSamplesPerSecond = long.MaxValue;
        return profiler;
    }
}
