namespace Hakmem;

/// <summary>What a <see cref="PinnedMemoryPool"/> holds and has done. Exact while no thread is in the pool, and recent otherwise.</summary>
public sealed record PinnedMemoryPoolStatistics
{
    /// <summary>Bytes of all slabs, in use or not.</summary>
    public required long TotalBytes { get; init; }

    /// <summary>Bytes of blocks that are free, in thread caches or behind them.</summary>
    public required long PooledBytes { get; init; }

    /// <summary>Bytes of blocks that are out, those whose owners were dropped undisposed included.</summary>
    public required long RentedBytes { get; init; }

    /// <summary>Rentals since the pool was made.</summary>
    public required long Rents { get; init; }

    /// <summary>Slabs of 131072 bytes allocated since the pool was made.</summary>
    public required long Allocations { get; init; }

    /// <summary>Slabs given up since the pool was made.</summary>
    public required long Evictions { get; init; }
}
