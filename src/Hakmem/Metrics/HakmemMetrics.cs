using System;
using Hakmem.Metrics;

namespace Hakmem;

/// <summary>
/// Publishes heaps' figures as <see cref="System.Diagnostics.Metrics"/> instruments, for <c>dotnet-counters</c>, OpenTelemetry and whatever else
/// listens. Nothing is created, and nothing runs, before <see cref="Register"/>.
/// </summary>
/// <remarks>
/// <para>Thread-safe.</para>
/// <para>
/// Each measurement carries the tag <c>hakmem.heap</c>. Bytes (unit <c>By</c>): <c>hakmem.memory.live</c>, <c>hakmem.memory.cached</c>,
/// <c>hakmem.memory.committed</c>, <c>hakmem.memory.dirty</c>. Numbers: <c>hakmem.blocks.live</c>, <c>hakmem.superslabs.in_use</c>,
/// <c>hakmem.superslabs.cached</c>, <c>hakmem.thread_caches</c>. They mean what the properties of <see cref="HakmemStatistics"/> of the same names do.
/// A counter, <c>hakmem.decay.failed_looks</c>, is <see cref="HakmemStatistics.FailedDecayLooks"/>.
/// </para>
/// </remarks>
public static class HakmemMetrics
{
    /// <summary>The name of the meter: <c>Hakmem</c>.</summary>
    public const string MeterName = "Hakmem";

    /// <summary>Publishes one heap's figures from now on. They are read only when a listener collects: one <see cref="HakmemAllocator.GetStatistics"/> each time.</summary>
    /// <param name="allocator">The heap. It is kept alive by its registration.</param>
    /// <param name="heapName">The value of the tag <c>hakmem.heap</c>, which tells it from other heaps.</param>
    /// <returns>
    /// The registration: dispose it to end publishing, and before the heap is disposed, since a listener may be reading. A heap that was disposed
    /// all the same is measured no more.
    /// </returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="heapName"/> is null or empty.</exception>
    public static IDisposable Register(HakmemAllocator allocator, string heapName)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        ArgumentException.ThrowIfNullOrEmpty(heapName);
        return new HeapMeter(allocator, heapName);
    }
}
