using System;
using Hakmem.Events;
using Hakmem.Metrics;
using Hakmem.Os;

namespace Hakmem;

/// <summary>
/// Publishes the statistics of heaps and pools as <see cref="System.Diagnostics.Metrics"/> instruments, for
/// <c>dotnet-counters</c>, OpenTelemetry and other listeners. Nothing is created, and nothing runs, before
/// <see cref="Register"/>. <c>AddHakmem</c> of the package <c>Hakmem.AspNetCore</c> calls it when the host starts.
/// </summary>
/// <remarks>
/// <para>Thread-safe.</para>
/// <para>
/// Each measurement of a heap has the attribute <c>hakmem.heap</c>, and has the value of the property of
/// <see cref="HakmemStatistics"/> with the same name. In bytes (unit <c>By</c>): <c>hakmem.memory.live</c>,
/// <c>hakmem.memory.cached</c>, <c>hakmem.memory.committed</c>, <c>hakmem.memory.dirty</c>, <c>hakmem.memory.peak</c>,
/// and for all heaps together <c>hakmem.memory.records</c> and <c>hakmem.memory.tables</c>;
/// <c>hakmem.memory.resident</c> is <see cref="HakmemAllocator.MeasureResidentBytes"/>, where that has a value. Counts:
/// <c>hakmem.blocks.live</c>, <c>hakmem.superslabs.in_use</c>, <c>hakmem.superslabs.cached</c>,
/// <c>hakmem.thread_caches</c>. <c>hakmem.memory.limit</c>, if the heap has one, and for each tag used with the heap
/// <c>hakmem.tag.live</c>, with the tag's path in the attribute <c>hakmem.tag</c> (both <c>By</c>). Totals, which only
/// grow: <c>hakmem.memory.purged</c> (<c>By</c>), <c>hakmem.purge.calls</c>, <c>hakmem.blocks.reaped</c>,
/// <c>hakmem.allocations.refused</c>, <c>hakmem.decay.failed_passes</c>.
/// </para>
/// <para>
/// Each measurement of a pool has the attribute <c>hakmem.pool</c>: <c>hakmem.pool.rented</c> and
/// <c>hakmem.pool.limit</c> (<c>By</c>; the latter if there is one), <c>hakmem.pool.buffers</c>, and the totals
/// <c>hakmem.pool.rentals</c>, <c>hakmem.pool.returns</c>, <c>hakmem.pool.refused</c>, <c>hakmem.pool.leaked</c>,
/// <c>hakmem.pool.late_disposals</c>.
/// </para>
/// </remarks>
public static class HakmemMetrics
{
    /// <summary>The name of the meter: <c>Hakmem</c>.</summary>
    public const string MeterName = "Hakmem";

    /// <summary>Publishes the statistics of one heap until the registration is disposed. They are read only when a
    /// listener collects: by one call of <see cref="HakmemAllocator.GetStatistics"/> for each collection, and one of
    /// <see cref="HakmemAllocator.MeasureResidentBytes"/> if the listener has enabled that instrument.</summary>
    /// <param name="allocator">The heap. The registration keeps the object alive.</param>
    /// <param name="heapName">The value of the attribute <c>hakmem.heap</c>, which identifies the heap. It is not
    /// checked: under one name for two heaps, listeners get measurements with equal attributes.</param>
    /// <returns>The registration. Dispose it to end the publication, and before the heap is disposed, because a
    /// listener may be reading. If the heap is disposed first, it is no longer measured.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="heapName"/> is null or empty.</exception>
    public static IDisposable Register(HakmemAllocator allocator, string heapName)
    {
        Argument.RequireNotNull(allocator);
        Argument.RequireText(heapName);
        HakmemEventSource.Prepare();
        return new HeapMeter(allocator, heapName);
    }

    /// <summary>Publishes the figures of one pool until the registration is disposed. They are read only when a
    /// listener collects, by <see cref="NativeMemoryPool.GetStatistics"/>.</summary>
    /// <param name="pool">The pool. The registration keeps the object alive.</param>
    /// <param name="poolName">The value of the attribute <c>hakmem.pool</c>, which identifies the pool. It is not
    /// checked: under one name for two pools, listeners get measurements with equal attributes.</param>
    /// <returns>The registration. Dispose it to end the publication.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="pool"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="poolName"/> is null or empty.</exception>
    public static IDisposable RegisterPool(NativeMemoryPool pool, string poolName)
    {
        Argument.RequireNotNull(pool);
        Argument.RequireText(poolName);
        return new PoolMeter(pool.GetStatistics, poolName);
    }

    /// <inheritdoc cref="RegisterPool(NativeMemoryPool, string)"/>
    /// <typeparam name="T">The type of the pool's elements.</typeparam>
    public static IDisposable RegisterPool<T>(NativeMemoryPool<T> pool, string poolName)
        where T : unmanaged
    {
        Argument.RequireNotNull(pool);
        Argument.RequireText(poolName);
        return new PoolMeter(pool.GetStatistics, poolName);
    }
}
