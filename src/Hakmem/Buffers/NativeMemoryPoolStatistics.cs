using System.Diagnostics;

namespace Hakmem;

/// <summary>
/// The figures of a <see cref="NativeMemoryPool"/> or <see cref="NativeMemoryPool{T}"/>. They are exact while no other
/// thread rents or returns, and recent otherwise.
/// </summary>
[DebuggerDisplay("{RentedCount} rented, {RentedBytes} bytes")]
public sealed record NativeMemoryPoolStatistics
{
    /// <summary>The number of buffers that are rented and not returned, including leaked ones.</summary>
    public required long RentedCount { get; init; }

    /// <summary>The bytes of these buffers, as they were requested.</summary>
    public required long RentedBytes { get; init; }

    /// <summary>
    /// The number of buffers whose owners were dropped undisposed. Zero unless
    /// <see cref="NativeMemoryPoolOptions.LeakTracking"/> is on.
    /// </summary>
    public required long LeakedCount { get; init; }

    /// <summary>The bytes of these buffers, as they were requested.</summary>
    public required long LeakedBytes { get; init; }

    /// <summary>
    /// The number of times that an owner was disposed while it was not rented, in a pool with
    /// <see cref="NativeMemoryPoolOptions.RecycleOwners"/>; such a call does nothing. A value above zero shows a
    /// mistake in the program that may sooner or later return another renter's buffer. Without RecycleOwners a second
    /// Dispose is harmless and not counted.
    /// </summary>
    public required long LateDisposeCount { get; init; }

    /// <summary>The number of rentals since the pool was created.</summary>
    public long RentalCount { get; init; }

    /// <summary>The number of buffers returned since the pool was created.</summary>
    public long ReturnCount { get; init; }

    /// <summary>The number of rentals that ended with an <see cref="System.OutOfMemoryException"/>, because the pool or
    /// its heap was at its limit or the system refused memory, or that waited for room until their timeout.</summary>
    public long RefusedCount { get; init; }

    /// <summary>The limit in bytes; zero for none (see <see cref="NativeMemoryPoolOptions.MaxBytes"/>).</summary>
    public long MaxBytes { get; init; }
}
