using System;
using System.Buffers;

namespace Hakmem;

/// <summary>
/// A <see cref="MemoryPool{T}"/> of unmanaged byte buffers: a replacement for <see cref="MemoryPool{T}.Shared"/> whose memory the
/// garbage collector neither scans nor moves.
/// </summary>
/// <remarks><inheritdoc cref="NativeMemoryPool{T}" path="/remarks"/></remarks>
public sealed class NativeMemoryPool : NativeMemoryPool<byte>
{
    // The base's. Made, kept and used here as well, so that all of it is compiled ahead: see RentalBook.
    private readonly RentalBook<byte> _book;

    /// <summary>Creates a pool over an allocator, which it does not own: disposing the pool leaves the allocator alone.</summary>
    /// <param name="allocator">Where the buffers come from.</param>
    /// <param name="options">How the pool behaves; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value in <paramref name="options"/> is out of its range.</exception>
    public NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options = null)
        : this(new RentalBook<byte>(allocator, options, isShared: false))
    {
    }

    private NativeMemoryPool(RentalBook<byte> book)
        : base(book)
    {
        _book = book;
    }

    /// <summary>The process-wide pool over <see cref="HakmemAllocator.Shared"/>. Disposing it does nothing, as with <see cref="MemoryPool{T}.Shared"/>.</summary>
    public static new NativeMemoryPool Shared { get; } = new(new RentalBook<byte>(HakmemAllocator.Shared, null, isShared: true));

    /// <inheritdoc/>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => _book.Rent(minBufferSize);
}
