using System;
using Microsoft.Extensions.Configuration;

namespace Hakmem.WebService;

// A profiler of the service's heap, for as long as the service runs. A heap has one at a time: with `--profile false`
// it is left to another, as of the tool `hakmem`.
internal sealed class HeapWatch(Rentals rentals, IConfiguration configuration) : IDisposable
{
    // Finer than the default, so that a small service shows something soon.
    private const long MeanSampleBytes = 128 << 10;

    // Null where NativeMemory serves the heap, which cannot be profiled, or where nobody wants it.
    public HakmemProfiler? Profiler { get; } =
        HakmemAllocator.IsSupported && configuration.GetValue("profile", true)
            ? HakmemProfiler.Start(rentals.Heap, MeanSampleBytes)
            : null;

    public void Dispose() => Profiler?.Dispose();
}
