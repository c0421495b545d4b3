using System.Diagnostics;

namespace Hakmem;

/// <summary>How a <see cref="NativeMemoryPool"/> or <see cref="NativeMemoryPool{T}"/> behaves. Immutable, hence
/// thread-safe.</summary>
[DebuggerDisplay("MaxBufferSize = {MaxBufferSize}, MaxBytes = {MaxBytes}")]
public sealed record NativeMemoryPoolOptions
{
    // Not in the property, so that a pool that is given no options does not load this class.
    internal const int UsualBufferSize = 4096;

    /// <summary>
    /// The largest buffer in elements (bytes in a <see cref="NativeMemoryPool"/>) that the pool rents, from 1 to
    /// <see cref="int.MaxValue"/>, the default.
    /// </summary>
    public int MaxBufferSize { get; init; } = int.MaxValue;

    /// <summary>
    /// The length in elements (bytes in a <see cref="NativeMemoryPool"/>) of a buffer whose renter names none
    /// (<c>Rent()</c> or <c>Rent(-1)</c>), from 1 to <see cref="MaxBufferSize"/>; 4096 by default.
    /// </summary>
    public int DefaultBufferSize { get; init; } = UsualBufferSize;

    /// <summary>
    /// The hard limit on bytes that are rented at a time, counted as they were requested; zero (the default) for no
    /// limit. A rental beyond it throws <see cref="System.OutOfMemoryException"/>. A limit costs every rental and every
    /// return an interlocked operation on one shared word.
    /// </summary>
    public long MaxBytes { get; init; }

    /// <summary>
    /// Whether owner objects are used again, so that renting makes no garbage once there are enough of them. Off by
    /// default, because then a second <see cref="System.IDisposable.Dispose"/> of an owner, or a use of its memory
    /// after the first, may reach another renter's buffer.
    /// </summary>
    /// <remarks>
    /// A returned owner is not used again before sixteen others have been returned on its thread after it. Until then a
    /// second disposal does nothing but raise <see cref="NativeMemoryPoolStatistics.LateDisposeCount"/>, and any use
    /// throws <see cref="System.ObjectDisposedException"/>. Later neither can be distinguished from what the new renter
    /// does.
    /// </remarks>
    public bool RecycleOwners { get; init; }

    /// <summary>
    /// Whether the pool detects owners that are dropped undisposed; <see cref="LeakTracking.Off"/> by default, which
    /// costs nothing.
    /// </summary>
    public LeakTracking LeakTracking { get; init; }

    // Describes the first value that is out of its range; null if all values are valid.
    internal string? Fault
    {
        get
        {
            if (MaxBufferSize < 1)
            {
                return Describe(nameof(MaxBufferSize), MaxBufferSize, "must be at least 1");
            }

            if (DefaultBufferSize < 1)
            {
                return Describe(nameof(DefaultBufferSize), DefaultBufferSize, "must be at least 1");
            }

            if (DefaultBufferSize > MaxBufferSize)
            {
                string most = $"must not exceed {nameof(MaxBufferSize)} ({MaxBufferSize})";
                return Describe(nameof(DefaultBufferSize), DefaultBufferSize, most);
            }

            if (MaxBytes < 0)
            {
                return Describe(nameof(MaxBytes), MaxBytes, "must be at least 0");
            }

            return (uint)LeakTracking > (uint)Hakmem.LeakTracking.Stacks
                ? Describe(nameof(LeakTracking), (int)LeakTracking, "is not one of the values of its enumeration")
                : null;
        }
    }

    private static string Describe(string name, long value, string fault) =>
        $"{nameof(NativeMemoryPoolOptions)}.{name} ({value}) {fault}.";
}
