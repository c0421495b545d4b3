// TEMPORARY STAND-IN so that tests and benchmarks can be written while the core is: replaced by the real allocator.
using System;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Hakmem;

/// <summary>Stand-in.</summary>
public sealed unsafe class HakmemAllocator : IHakmemAllocator, IDisposable
{
    /// <summary>Stand-in.</summary>
    public static HakmemAllocator Shared { get; } = new();

    /// <summary>Stand-in.</summary>
    /// <param name="options">Stand-in.</param>
    public HakmemAllocator(HakmemOptions? options = null) { _ = options; }

    /// <inheritdoc/>
    public void* Alloc(nuint byteCount) => NativeMemory.Alloc(byteCount);

    /// <inheritdoc/>
    public void* AllocZeroed(nuint byteCount) => NativeMemory.AllocZeroed(byteCount);

    /// <inheritdoc/>
    public void* AlignedAlloc(nuint byteCount, nuint alignment) => NativeMemory.AlignedAlloc(byteCount, alignment);

    /// <inheritdoc/>
    public void* Realloc(void* ptr, nuint byteCount) => NativeMemory.Realloc(ptr, byteCount);

    /// <inheritdoc/>
    public void Free(void* ptr) => NativeMemory.Free(ptr);

    /// <inheritdoc/>
    public bool TryAlloc(nuint byteCount, out void* ptr) { ptr = NativeMemory.Alloc(byteCount); return true; }

    /// <inheritdoc/>
    public nuint UsableSize(void* ptr) => 0;

    /// <inheritdoc/>
    public bool Owns(void* ptr) => false;

    /// <inheritdoc/>
    public void Trim() { }

    /// <inheritdoc/>
    public HakmemStatistics GetStatistics() => new();

    /// <inheritdoc/>
    public void Dispose() { }
}
