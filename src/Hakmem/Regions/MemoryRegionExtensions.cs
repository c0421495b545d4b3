using System;
using Hakmem.Api;

namespace Hakmem;

/// <summary>Regions of any allocator. Thread-safe.</summary>
public static class MemoryRegionExtensions
{
    /// <summary>Creates a region as <see cref="HakmemAllocator.CreateRegion"/> does, whose chunks come from any
    /// allocator, such as that of a <see cref="MemoryTag"/>. The chunks have no guard pages, whatever the hardening.
    /// </summary>
    /// <param name="allocator">The allocator. Dispose the region before it.</param>
    /// <param name="options">The region's options; null for the default values.</param>
    /// <returns>The region.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value of the options is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed, if the allocator is one.</exception>
    public static MemoryRegion CreateRegion(this IHakmemAllocator allocator, MemoryRegionOptions? options = null) =>
        ForeignHeap.FrontOf(allocator).CreateRegion(options);
}
