namespace Hakmem;

/// <summary>The values of <see cref="NativeMemoryPoolOptions"/> in a form that configuration can set. Not thread-safe.</summary>
public sealed class HakmemPoolSettings
{
    /// <summary>In bytes; see <see cref="NativeMemoryPoolOptions.MaxBufferSize"/>.</summary>
    public int MaxBufferSize { get; set; } = new NativeMemoryPoolOptions().MaxBufferSize;

    /// <summary>In bytes; see <see cref="NativeMemoryPoolOptions.DefaultBufferSize"/>.</summary>
    public int DefaultBufferSize { get; set; } = new NativeMemoryPoolOptions().DefaultBufferSize;

    internal NativeMemoryPoolOptions ToPoolOptions() => new() { MaxBufferSize = MaxBufferSize, DefaultBufferSize = DefaultBufferSize };
}
