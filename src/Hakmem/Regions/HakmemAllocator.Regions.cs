using System;
using Hakmem.Heaps;

namespace Hakmem;

// Regions of this heap, and what they ask of it.
public sealed unsafe partial class HakmemAllocator
{
    /// <summary>Creates a region: memory for many objects of one lifetime, freed at once by
    /// <see cref="MemoryRegion.Dispose"/>. It takes its first chunk from this heap with its first allocation.</summary>
    /// <param name="options">The region's options; null for the default values.</param>
    /// <returns>The region. Dispose it before the heap.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value of the options is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public MemoryRegion CreateRegion(MemoryRegionOptions? options = null)
    {
        options?.Validate(nameof(options));
        ThrowIfDisposed();
        return new MemoryRegion(this, parent: null, options);
    }

    // Whether the heap has full or checked hardening.
    internal bool IsHardened => _heap is { Limits.IsHardened: true };

    // Allocates a block of a hardened heap between guard pages, whatever its size. If there is no room for the guard
    // pages, it is a block as any other; null if there is no room for that either.
    internal void* TryAllocGuarded(nuint byteCount, nuint alignment)
    {
        void* block = _heap.TryAllocateGuarded(GetMagazines(), byteCount, alignment);
        return block != null ? block : TryAllocAligned(byteCount, alignment);
    }
}
