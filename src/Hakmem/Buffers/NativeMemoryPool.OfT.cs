using System;
using System.Buffers;

namespace Hakmem;

/// <summary>
/// A <see cref="MemoryPool{T}"/> of unmanaged buffers for any unmanaged element type; <see cref="NativeMemoryPool"/> is the one of bytes.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// <para>
/// Thread-safe. Each owner is a fresh small object, so that a late or second <see cref="IDisposable.Dispose"/> never hurts another
/// renter; <see cref="NativeMemoryPoolOptions.RecycleOwners"/> trades that for no garbage. The memory is not array-backed
/// (<see cref="System.Runtime.InteropServices.MemoryMarshal.TryGetArray{T}"/> gives false).
/// </para>
/// <para>
/// An owner that is dropped undisposed leaks its block until the heap is disposed: no finalizer frees memory that a live
/// <see cref="Span{T}"/> may still point to. <see cref="NativeMemoryPoolOptions.LeakTracking"/> has such owners counted and reported.
/// </para>
/// <para>
/// Owners, pool and heap may be disposed in any order. With the pool gone, owners still return their blocks; with the heap gone, the blocks
/// went with it: an owner and its <see cref="Memory{T}"/> then throw an <see cref="ObjectDisposedException"/>. A <see
/// cref="Span{T}"/> or pointer that was taken before cannot be protected so, nor one that another thread takes at that
/// moment: it reads what is not its own or ends the process.
/// </para>
/// </remarks>
public sealed class NativeMemoryPool<T> : MemoryPool<T>
    where T : unmanaged
{
    // What the pool does.
    private readonly RentalBook<T> _book;

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
        _book = new RentalBook<T>(this, allocator, options, isShared);
    }

    /// <summary>
    /// Tells of each owner that was dropped undisposed, if <see cref="NativeMemoryPoolOptions.LeakTracking"/> is on. The handler runs on the
    /// finalizer thread, where an exception that it lets out ends the process.
    /// </summary>
    public event EventHandler<NativeMemoryLeak>? Leaked
    {
        add => _book.Leaked += value;
        remove => _book.Leaked -= value;
    }

    /// <summary>
    /// The process-wide pool of this element type over <see cref="HakmemAllocator.Shared"/>. Disposing it does nothing, as with
    /// <see cref="MemoryPool{T}.Shared"/>. The one of bytes is not <see cref="NativeMemoryPool.Shared"/>: each has figures and owners of its own.
    /// </summary>
#pragma warning disable CA1000 // It has to hide the base class's, which would be a pool of arrays.
    public static new NativeMemoryPool<T> Shared => SharedPool.Instance;
#pragma warning restore CA1000

    /// <summary>The largest buffer in elements that <see cref="Rent"/> accepts.</summary>
    public override int MaxBufferSize => _book.MaxLength;

    /// <summary>Rents a buffer of exactly <paramref name="minBufferSize"/> elements with undefined contents.</summary>
    /// <param name="minBufferSize">The length in elements, from 0 to <see cref="MaxBufferSize"/>; -1 for the pool's default length.</param>
    /// <returns>The owner; dispose it to return the buffer.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="minBufferSize"/> is below -1 or above <see cref="MaxBufferSize"/>.</exception>
    /// <exception cref="ObjectDisposedException">The pool or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room, or the pool's <see cref="NativeMemoryPoolOptions.MaxBytes"/> would be exceeded.</exception>
    public override IMemoryOwner<T> Rent(int minBufferSize = -1) => _book.Rent(minBufferSize);

    /// <summary>What is rented out, and what went wrong. It adds up figures of every thread that has used the pool.</summary>
    /// <returns>A snapshot.</returns>
    public NativeMemoryPoolStatistics GetStatistics() => _book.GetStatistics();

    /// <summary>Ends the pool: further rentals throw. Buffers that are out stay valid until their owners are disposed.</summary>
    /// <param name="disposing">Whether this is a call of <see cref="IDisposable.Dispose"/>.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _book.End();
        }
    }

    // A class of its own, so that it is made when it is asked for.
    private static class SharedPool
    {
        public static readonly NativeMemoryPool<T> Instance = new(HakmemAllocator.Shared, null, isShared: true);
    }
}
