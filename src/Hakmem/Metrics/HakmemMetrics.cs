using System;
using Hakmem.Metrics;

namespace Hakmem;

/// <summary>
/// Publishes the statistics of heaps as <see cref="System.Diagnostics.Metrics"/> instruments, for
/// <c>dotnet-counters</c>, OpenTelemetry and other listeners. Nothing is created, and nothing runs, before
/// <see cref="Register"/>.
/// </summary>
/// <remarks>
/// <para>Thread-safe.</para>
/// <para>
/// Each measurement has the tag <c>hakmem.heap</c>. In bytes (unit <c>By</c>): <c>hakmem.memory.live</c>,
/// <c>hakmem.memory.cached</c>, <c>hakmem.memory.committed</c>, <c>hakmem.memory.dirty</c>. Counts:
/// <c>hakmem.blocks.live</c>, <c>hakmem.superslabs.in_use</c>, <c>hakmem.superslabs.cached</c>,
/// <c>hakmem.thread_caches</c>. They have the values of the properties of <see cref="HakmemStatistics"/> with the same
/// names. The counter <c>hakmem.decay.failed_passes</c> has the value of
/// <see cref="HakmemStatistics.FailedDecayPasses"/>.
/// </para>
/// </remarks>
public static class HakmemMetrics
{
    /// <summary>The name of the meter: <c>Hakmem</c>.</summary>
    public const string MeterName = "Hakmem";

    /// <summary>Publishes the statistics of one heap until the registration is disposed. They are read only when a
    /// listener collects: one call of <see cref="HakmemAllocator.GetStatistics"/> for each collection.</summary>
    /// <param name="allocator">The heap. The registration keeps the object alive.</param>
    /// <param name="heapName">The value of the tag <c>hakmem.heap</c>, which identifies the heap.</param>
    /// <returns>The registration. Dispose it to end the publication, and before the heap is disposed, because a
    /// listener may be reading. If the heap is disposed first, it is no longer measured.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="heapName"/> is null or empty.</exception>
    public static IDisposable Register(HakmemAllocator allocator, string heapName)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        ArgumentException.ThrowIfNullOrEmpty(heapName);
        return new HeapMeter(allocator, heapName);
    }
}
