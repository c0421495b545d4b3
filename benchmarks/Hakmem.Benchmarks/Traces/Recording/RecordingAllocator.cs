using System;
using System.Collections.Concurrent;

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
    public void* AlignedAlloc(nuint byteCount, nuint alignment) => Recorded(inner.AlignedAlloc(byteCount, alignment), byteCount);

    /// <inheritdoc/>
    public void* Realloc(void* ptr, nuint byteCount)
    {
        if (ptr is null)
        {
            return Recorded(inner.Realloc(ptr, byteCount), byteCount);
        }

        // Another thread may get the old address as soon as it is free.
        bool isKnown = _blocks.TryRemove((nint)ptr, out int block);
        void* resized;
        try
        {
            resized = inner.Realloc(ptr, byteCount);
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
    public nuint UsableSize(void* ptr) => inner.UsableSize(ptr);

    /// <inheritdoc/>
    public bool Owns(void* ptr) => inner.Owns(ptr);

    /// <inheritdoc/>
    public void Trim() => inner.Trim();

    /// <inheritdoc/>
    public HakmemStatistics GetStatistics() => inner.GetStatistics();

    private void* Recorded(void* block, nuint byteCount, bool isZeroed = false)
    {
        _blocks[(nint)block] = recorder.Allocated((long)byteCount, isZeroed);
        return block;
    }
}
