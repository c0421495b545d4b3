using System;
using System.Collections.Concurrent;
using System.Numerics;

namespace Hakmem.Benchmarks.Traces.Recording;

/// <summary>Records the calls of another allocator. An alignment is not recorded.</summary>
/// <param name="inner">The allocator that serves them.</param>
/// <param name="recorder">Where they are recorded.</param>
internal sealed unsafe class RecordingAllocator(IHakmemAllocator inner, TraceRecorder recorder) : IHakmemAllocator
{
    // The number of each live block.
    private readonly ConcurrentDictionary<nint, int> _blocks = new();

    /// <inheritdoc/>
    public void* Alloc(nuint byteCount) => Recorded(inner.Alloc(byteCount), byteCount);

    /// <inheritdoc/>
    public void* AllocZeroed(nuint byteCount) => Recorded(inner.AllocZeroed(byteCount), byteCount, isZeroed: true);

    /// <inheritdoc/>
    public void* AlignedAlloc(nuint byteCount, nuint alignment) =>
        Recorded(inner.AlignedAlloc(byteCount, alignment), byteCount);

    /// <inheritdoc/>
    public void* AllocAtLeast(nuint byteCount, out nuint usable) =>
        Recorded(inner.AllocAtLeast(byteCount, out usable), byteCount);

    /// <inheritdoc/>
    public nuint GoodSize(nuint byteCount) => inner.GoodSize(byteCount);

    /// <inheritdoc/>
    public void* Realloc(void* ptr, nuint byteCount) => Resize(ptr, byteCount, alignment: 0);

    /// <inheritdoc/>
    public void* Realloc(void* ptr, nuint byteCount, nuint alignment) =>
        BitOperations.IsPow2(alignment) ? Resize(ptr, byteCount, alignment) : inner.Realloc(ptr, byteCount, alignment);

    /// <inheritdoc/>
    public bool TryRealloc(ref void* ptr, nuint byteCount)
    {
        if (ptr is null)
        {
            bool isAllocated = inner.TryRealloc(ref ptr, byteCount);
            if (isAllocated)
            {
                Recorded(ptr, byteCount);
            }

            return isAllocated;
        }

        bool isKnown = _blocks.TryRemove((nint)ptr, out int block);
        bool isResized = inner.TryRealloc(ref ptr, byteCount);
        if (isKnown && isResized)
        {
            recorder.Resized(block, (long)byteCount);
        }

        if (isKnown)
        {
            _blocks[(nint)ptr] = block;
        }
        else if (isResized)
        {
            Recorded(ptr, byteCount);
        }

        return isResized;
    }

    /// <inheritdoc/>
    public bool TryExpand(void* ptr, nuint byteCount)
    {
        bool isExpanded = inner.TryExpand(ptr, byteCount);
        if (isExpanded && _blocks.TryGetValue((nint)ptr, out int block))
        {
            recorder.Resized(block, (long)byteCount);
        }

        return isExpanded;
    }

    /// <inheritdoc/>
    public void Free(void* ptr, nuint byteCount)
    {
        // The allocator throws for a size that cannot be the block's, which then stays.
        if (ptr is not null && byteCount > inner.UsableSize(ptr))
        {
            inner.Free(ptr, byteCount);
            return;
        }

        Free(ptr);
    }

    /// <inheritdoc/>
    public void Free(void* ptr)
    {
        if (_blocks.TryRemove((nint)ptr, out int block))
        {
            recorder.Freeing(block);
        }

        inner.Free(ptr);
    }

    /// <inheritdoc/>
    public bool TryAlloc(nuint byteCount, out void* ptr)
    {
        bool isAllocated = inner.TryAlloc(byteCount, out ptr);
        if (isAllocated)
        {
            Recorded(ptr, byteCount);
        }

        return isAllocated;
    }

    /// <inheritdoc/>
    public bool TryAllocZeroed(nuint byteCount, out void* ptr)
    {
        bool isAllocated = inner.TryAllocZeroed(byteCount, out ptr);
        if (isAllocated)
        {
            Recorded(ptr, byteCount, isZeroed: true);
        }

        return isAllocated;
    }

    /// <inheritdoc/>
    public bool TryAlignedAlloc(nuint byteCount, nuint alignment, out void* ptr)
    {
        bool isAllocated = inner.TryAlignedAlloc(byteCount, alignment, out ptr);
        if (isAllocated)
        {
            Recorded(ptr, byteCount);
        }

        return isAllocated;
    }

    /// <inheritdoc/>
    public nuint UsableSize(void* ptr) => inner.UsableSize(ptr);

    /// <inheritdoc/>
    public bool Owns(void* ptr) => inner.Owns(ptr);

    /// <inheritdoc/>
    public void Trim() => inner.Trim();

    /// <inheritdoc/>
    public HakmemStatistics GetStatistics() => inner.GetStatistics();

    // An alignment of zero asks for none.
    private void* Resize(void* ptr, nuint byteCount, nuint alignment)
    {
        // Another thread may get the old address as soon as it is free.
        int block = 0;
        bool isKnown = ptr is not null && _blocks.TryRemove((nint)ptr, out block);
        void* resized;
        try
        {
            resized = alignment == 0 ? inner.Realloc(ptr, byteCount) : inner.Realloc(ptr, byteCount, alignment);
        }
        catch (OutOfMemoryException) when (isKnown)
        {
            _blocks[(nint)ptr] = block;
            throw;
        }

        if (!isKnown)
        {
            return Recorded(resized, byteCount);
        }

        recorder.Resized(block, (long)byteCount);
        _blocks[(nint)resized] = block;
        return resized;
    }

    private void* Recorded(void* block, nuint byteCount, bool isZeroed = false)
    {
        _blocks[(nint)block] = recorder.Allocated((long)byteCount, isZeroed);
        return block;
    }
}
