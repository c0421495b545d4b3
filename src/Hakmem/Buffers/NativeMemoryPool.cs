using System;
using System.Buffers;
using System.Threading;

namespace Hakmem;

/// <summary>
/// A <see cref="MemoryPool{T}"/> of unmanaged buffers: a replacement for <see cref="MemoryPool{T}.Shared"/> whose memory the
/// garbage collector neither scans nor moves.
/// </summary>
/// <remarks>
/// Thread-safe. Each owner is a fresh small object, so that a late or second <see cref="IDisposable.Dispose"/> never hurts another
/// renter. An owner that is dropped undisposed leaks its block until the heap is disposed: no finalizer frees memory that a live
/// <see cref="Span{T}"/> may still point to. The memory is not array-backed
/// (<see cref="System.Runtime.InteropServices.MemoryMarshal.TryGetArray{T}"/> gives false).
/// </remarks>
public sealed class NativeMemoryPool : MemoryPool<byte>
{
    private readonly HakmemAllocator _allocator;
    private readonly NativeMemoryPoolOptions _options;
    private readonly bool _isShared;

    // Written once by Dispose on any thread; read by every Rent. A rental that races with Dispose may still succeed.
    private volatile bool _isDisposed;

    /// <summary>Creates a pool over an allocator, which it does not own: disposing the pool leaves the allocator alone.</summary>
    /// <param name="allocator">Where the buffers come from.</param>
    /// <param name="options">How the pool behaves; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A size in <paramref name="options"/> is out of its range.</exception>
    public NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options = null)
        : this(allocator, options, isShared: false)
    {
    }

    private NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options, bool isShared)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        _allocator = allocator;
        _options = options ?? new NativeMemoryPoolOptions();
        _isShared = isShared;
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.MaxBufferSize, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.DefaultBufferSize, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.DefaultBufferSize, _options.MaxBufferSize, nameof(options));
    }

    /// <summary>The process-wide pool over <see cref="HakmemAllocator.Shared"/>. Disposing it does nothing, as with <see cref="MemoryPool{T}.Shared"/>.</summary>
    public static new NativeMemoryPool Shared { get; } = new(HakmemAllocator.Shared, null, isShared: true);

    /// <summary>The largest buffer in bytes that <see cref="Rent"/> accepts.</summary>
    public override int MaxBufferSize => _options.MaxBufferSize;

    /// <summary>Rents a buffer of at least <paramref name="minBufferSize"/> bytes with undefined contents.</summary>
    /// <param name="minBufferSize">The length in bytes, from 0 to <see cref="MaxBufferSize"/>; -1 for the pool's default length.</param>
    /// <returns>The owner; dispose it to return the buffer.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="minBufferSize"/> is below -1 or above <see cref="MaxBufferSize"/>.</exception>
    /// <exception cref="ObjectDisposedException">The pool or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public override unsafe IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        int length = minBufferSize == -1 ? _options.DefaultBufferSize : minBufferSize;
        if ((uint)length > (uint)_options.MaxBufferSize)
        {
            throw new ArgumentOutOfRangeException(nameof(minBufferSize), minBufferSize, $"The size must be from -1 to {_options.MaxBufferSize}.");
        }

        // The block first and the owner second: if the object cannot be had, the block goes back.
        byte* pointer = (byte*)_allocator.Alloc((nuint)length);
        try
        {
            return new NativeMemoryOwner(_allocator, pointer, length);
        }
        catch (OutOfMemoryException)
        {
            _allocator.Free(pointer);
            throw;
        }
    }

    /// <summary>Ends the pool: further rentals throw. Buffers that are out stay valid until their owners are disposed.</summary>
    /// <param name="disposing">Whether this is a call of <see cref="IDisposable.Dispose"/>.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_isShared)
        {
            _isDisposed = true;
        }
    }
}
