using System;
using System.Diagnostics;

namespace Hakmem;

/// <summary>How a <see cref="MemoryRegion"/> behaves. Immutable, hence thread-safe.</summary>
[DebuggerDisplay("ChunkBytes = {ChunkBytes}, MaxBytes = {MaxBytes}, IsShared = {IsShared}")]
public sealed record MemoryRegionOptions
{
    internal const long LeastChunkBytes = 256;
    internal const long MostChunkBytes = 1L << 30;

    /// <summary>
    /// The size of the region's first chunk in bytes, from 256 to 1 GiB, rounded up to 16; 64 KiB by default. Each
    /// further chunk is twice as large as the one before, up to <see cref="MaxChunkBytes"/>. A request above a quarter
    /// of this size gets a block of its own from the heap, unless the current chunk has room for it.
    /// </summary>
    public long ChunkBytes { get; init; } = 64 << 10;

    /// <summary>The size of the largest chunks in bytes, from 256 to 1 GiB; 1 MiB by default. A value below
    /// <see cref="ChunkBytes"/> counts as that.</summary>
    public long MaxChunkBytes { get; init; } = 1 << 20;

    /// <summary>
    /// The limit on <see cref="MemoryRegion.CommittedBytes"/>, regions within the region included; zero (the default)
    /// for no limit. A request that needs more throws <see cref="OutOfMemoryException"/>. The last chunk below the
    /// limit is as small as needed. What counts is what the region requests: an alignment above 64 KiB takes whole
    /// SuperSlabs of 2 MiB of the heap.
    /// </summary>
    public long MaxBytes { get; init; }

    /// <summary>
    /// Whether several threads may allocate from the region at once. Off by default: then an allocation takes no lock
    /// and is inlined. With it each allocation takes a lock, which regions within the region share.
    /// </summary>
    public bool IsShared { get; init; }

    // Throws if a value is out of its range.
    internal void Validate(string paramName)
    {
        Require(ChunkBytes is >= LeastChunkBytes and <= MostChunkBytes, nameof(ChunkBytes), ChunkBytes, paramName);
        Require(
            MaxChunkBytes is >= LeastChunkBytes and <= MostChunkBytes, nameof(MaxChunkBytes), MaxChunkBytes, paramName);
        Require(MaxBytes >= 0, nameof(MaxBytes), MaxBytes, paramName);
    }

    private static void Require(bool holds, string name, long value, string paramName)
    {
        if (!holds)
        {
            string range = name == nameof(MaxBytes) ? "at least 0" : $"from {LeastChunkBytes} to {MostChunkBytes}";
            throw new ArgumentOutOfRangeException(
                paramName, value, $"{nameof(MemoryRegionOptions)}.{name} must be {range}.");
        }
    }
}
