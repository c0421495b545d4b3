namespace Hakmem;

/// <summary>What a pool has rented out. Exact while no other thread rents or returns; otherwise each figure is recent.</summary>
public sealed record NativeMemoryPoolStatistics
{
    /// <summary>Buffers that are out: rented and not returned, leaked ones included.</summary>
    public required long RentedCount { get; init; }

    /// <summary>Their bytes, as they were asked for.</summary>
    public required long RentedBytes { get; init; }

    /// <summary>Buffers whose owners were found dropped undisposed. Zero unless <see cref="NativeMemoryPoolOptions.LeakTracking"/> is on.</summary>
    public required long LeakedCount { get; init; }

    /// <summary>Their bytes, as they were asked for.</summary>
    public required long LeakedBytes { get; init; }

    /// <summary>
    /// Disposals of owners that were not rented at the time, in a pool with <see cref="NativeMemoryPoolOptions.RecycleOwners"/>. Anything but
    /// zero is a mistake in the program, and one that will sooner or later return another renter's buffer.
    /// </summary>
    public required long LateDisposeCount { get; init; }
}
