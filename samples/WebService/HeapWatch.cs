using System;

namespace Hakmem.WebService;

// A profiler of the service's heap, for as long as the service runs.
internal sealed class HeapWatch(Rentals rentals) : IDisposable
{
    // Finer than the default, so that a small service shows something soon.
    private const long MeanSampleBytes = 128 << 10;

    // Null where NativeMemory serves the heap, which cannot be profiled.
    public HakmemProfiler? Profiler { get; } =
        HakmemAllocator.IsSupported ? HakmemProfiler.Start(rentals.Heap, MeanSampleBytes) : null;

    public void Dispose() => Profiler?.Dispose();
}
