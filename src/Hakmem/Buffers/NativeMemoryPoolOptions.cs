namespace Hakmem;

/// <summary>How a <see cref="NativeMemoryPool"/> or <see cref="NativeMemoryPool{T}"/> behaves. Immutable, hence thread-safe.</summary>
public sealed record NativeMemoryPoolOptions
{
    // Apart from the property, for pools that are given no options and so do not load these.
    internal const int UsualBufferSize = 4096;

    /// <summary>The largest buffer in elements (bytes in a <see cref="NativeMemoryPool"/>) that the pool rents, from 1 to <see cref="int.MaxValue"/> (the default: what a <see cref="System.Memory{T}"/> can span).</summary>
    public int MaxBufferSize { get; init; } = int.MaxValue;

    /// <summary>The length in elements (bytes in a <see cref="NativeMemoryPool"/>) of a buffer whose renter names none (<c>Rent()</c> or <c>Rent(-1)</c>), from 1 to <see cref="MaxBufferSize"/>; 4096 by default.</summary>
    public int DefaultBufferSize { get; init; } = UsualBufferSize;

    /// <summary>
    /// The hard cap on bytes that are rented at a time, counted as they were asked for; zero (the default) for none. A rental beyond it
    /// is an <see cref="System.OutOfMemoryException"/>. It costs every rental and return an interlocked operation on one shared word.
    /// </summary>
    public long MaxBytes { get; init; }

    /// <summary>
    /// Whether owner objects are used again, so that renting makes no garbage once there are enough of them. Off by default, because it
    /// takes more discipline: a second <see cref="System.IDisposable.Dispose"/> of an owner, or a use of its memory after the first, may
    /// then reach another renter's buffer.
    /// </summary>
    /// <remarks>
    /// An owner lies idle until sixteen others have been disposed on its thread after it. As long as it does, a second disposal does nothing but
    /// raise <see cref="NativeMemoryPoolStatistics.LateDisposeCount"/>, and any use throws an <see cref="System.ObjectDisposedException"/>.
    /// Later than that neither can be told from what the new renter does.
    /// </remarks>
    public bool RecycleOwners { get; init; }

    /// <summary>Whether owners that were dropped undisposed are looked out for; <see cref="LeakTracking.Off"/> by default, and then it costs nothing.</summary>
    public LeakTracking LeakTracking { get; init; }

    // The first of the values that is out of its range, and what that is; null if all are right.
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
