using System;
using System.Buffers;

namespace Hakmem;

/// <summary>
/// A <see cref="MemoryPool{T}"/> of unmanaged byte buffers: a replacement for <see cref="MemoryPool{T}.Shared"/> whose memory the
/// garbage collector neither scans nor moves.
/// </summary>
/// <remarks><inheritdoc cref="NativeMemoryPool{T}" path="/remarks"/></remarks>
public sealed class NativeMemoryPool : MemoryPool<byte>
{
    // What the pool does. Not by way of NativeMemoryPool<byte>, so that all of it is compiled ahead: see RentalBook.
    private readonly RentalBook<byte> _book;

    /// <summary>Creates a pool over an allocator, which it does not own: disposing the pool leaves the allocator alone.</summary>
    /// <param name="allocator">Where the buffers come from.</param>
    /// <param name="options">How the pool behaves; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value in <paramref name="options"/> is out of its range.</exception>
    public NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options = null)
        : this(allocator, options, isShared: false)
    {
    }

    private NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options, bool isShared)
    {
        _book = new RentalBook<byte>(this, allocator, options, isShared);
    }

    /// <inheritdoc cref="NativeMemoryPool{T}.Leaked"/>
    public event EventHandler<NativeMemoryLeak>? Leaked
    {
        add => _book.Leaked += value;
        remove => _book.Leaked -= value;
    }

    /// <summary>The process-wide pool over <see cref="HakmemAllocator.Shared"/>. Disposing it does nothing, as with <see cref="MemoryPool{T}.Shared"/>.</summary>
    public static new NativeMemoryPool Shared { get; } = new(HakmemAllocator.Shared, null, isShared: true);

    /// <summary>The largest buffer in bytes that <see cref="Rent"/> accepts.</summary>
    public override int MaxBufferSize => _book.MaxLength;

    /// <summary>Rents a buffer of exactly <paramref name="minBufferSize"/> bytes with undefined contents.</summary>
    /// <param name="minBufferSize">The length in bytes, from 0 to <see cref="MaxBufferSize"/>; -1 for the pool's default length.</param>
    /// <returns>The owner; dispose it to return the buffer.</returns>
    /// <inheritdoc cref="NativeMemoryPool{T}.Rent" path="/exception"/>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => _book.Rent(minBufferSize);

    /// <inheritdoc cref="NativeMemoryPool{T}.GetStatistics"/>
    public NativeMemoryPoolStatistics GetStatistics() => _book.GetStatistics();

    /// <inheritdoc cref="NativeMemoryPool{T}.Dispose(bool)"/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _book.End();
        }
    }
}
