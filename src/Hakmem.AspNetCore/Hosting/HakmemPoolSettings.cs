namespace Hakmem;

/// <summary>The values of <see cref="NativeMemoryPoolOptions"/> in a form that configuration can set. Not thread-safe.</summary>
public sealed class HakmemPoolSettings
{
    /// <summary>In bytes; see <see cref="NativeMemoryPoolOptions.MaxBufferSize"/>.</summary>
    public int MaxBufferSize { get; set; } = new NativeMemoryPoolOptions().MaxBufferSize;

    /// <summary>In bytes; see <see cref="NativeMemoryPoolOptions.DefaultBufferSize"/>.</summary>
    public int DefaultBufferSize { get; set; } = new NativeMemoryPoolOptions().DefaultBufferSize;

    /// <summary>In bytes; see <see cref="NativeMemoryPoolOptions.MaxBytes"/>.</summary>
    public long MaxBytes { get; set; } = new NativeMemoryPoolOptions().MaxBytes;

    /// <summary>See <see cref="NativeMemoryPoolOptions.RecycleOwners"/>.</summary>
    public bool RecycleOwners { get; set; } = new NativeMemoryPoolOptions().RecycleOwners;

    /// <summary>See <see cref="NativeMemoryPoolOptions.LeakTracking"/>.</summary>
    public LeakTracking LeakTracking { get; set; } = new NativeMemoryPoolOptions().LeakTracking;

    internal NativeMemoryPoolOptions ToPoolOptions() => new()
    {
        MaxBufferSize = MaxBufferSize,
        DefaultBufferSize = DefaultBufferSize,
        MaxBytes = MaxBytes,
        RecycleOwners = RecycleOwners,
        LeakTracking = LeakTracking,
    };
}
