namespace Hakmem;

/// <summary>How a <see cref="NativeMemoryPool"/> behaves.</summary>
public sealed record NativeMemoryPoolOptions
{
    /// <summary>The largest buffer in bytes that the pool rents, from 1 to <see cref="int.MaxValue"/> (the default: what a <see cref="System.Memory{T}"/> can span).</summary>
    public int MaxBufferSize { get; init; } = int.MaxValue;

    /// <summary>The length in bytes of a buffer whose renter names none (<c>Rent()</c> or <c>Rent(-1)</c>), from 1 to <see cref="MaxBufferSize"/>; 4096 by default.</summary>
    public int DefaultBufferSize { get; init; } = 4096;
}
