using System.Diagnostics;

namespace Hakmem;

/// <summary>
/// The figures of a <see cref="PinnedMemoryPool"/>. They are exact while no thread uses the pool, and recent otherwise.
/// </summary>
[DebuggerDisplay("{RentedBytes} of {TotalBytes} bytes rented")]
public sealed record PinnedMemoryPoolStatistics
{
    /// <summary>The bytes of all slabs, rented or not, and of <see cref="BeyondLimitBytes"/>.</summary>
    public required long TotalBytes { get; init; }

    /// <summary>The bytes of free blocks, in thread caches or in slabs.</summary>
    public required long PooledBytes { get; init; }

    /// <summary>The bytes of rented blocks, including those whose owners were dropped undisposed.</summary>
    public required long RentedBytes { get; init; }

    /// <summary>
    /// The part of <see cref="RentedBytes"/> that was rented beyond <see cref="PinnedMemoryPoolOptions.MaxBytes"/>, and
    /// which the pool does not keep when it is returned.
    /// </summary>
    public required long BeyondLimitBytes { get; init; }

    /// <summary>The number of rentals since the pool was created.</summary>
    public required long Rents { get; init; }

    /// <summary>
    /// The number of those rentals that were beyond <see cref="PinnedMemoryPoolOptions.MaxBytes"/>.
    /// </summary>
    public required long BeyondLimitRents { get; init; }

    /// <summary>The number of slabs of 131072 bytes allocated since the pool was created.</summary>
    public required long Allocations { get; init; }

    /// <summary>The number of slabs dropped since the pool was created.</summary>
    public required long Evictions { get; init; }

    /// <inheritdoc cref="NativeMemoryPoolStatistics.LateDisposeCount"/>
    public required long LateDisposeCount { get; init; }
}
