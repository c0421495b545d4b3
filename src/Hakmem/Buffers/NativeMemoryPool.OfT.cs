using System;
using System.Buffers;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Api;

namespace Hakmem;

/// <summary>
/// A <see cref="MemoryPool{T}"/> of unmanaged buffers of any unmanaged element type. For bytes there is also
/// <see cref="NativeMemoryPool"/>.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// <para>
/// Thread-safe. Each owner is a new small object, so that a late or second <see cref="IDisposable.Dispose"/> does
/// nothing and never hurts another renter. <see cref="NativeMemoryPoolOptions.RecycleOwners"/> trades that for zero
/// garbage. The memory is not part of an array:
/// <see cref="System.Runtime.InteropServices.MemoryMarshal.TryGetArray{T}"/> returns false.
/// </para>
/// <para>
/// An owner that is dropped undisposed leaks its block until the heap is disposed: no finalizer frees memory that a
/// live <see cref="Span{T}"/> may still point to. <see cref="NativeMemoryPoolOptions.LeakTracking"/> counts and reports
/// such owners.
/// </para>
/// <para>
/// Owners, pool and heap may be disposed in any order. After the pool's disposal, owners still return their blocks. The
/// heap's disposal frees the blocks: an owner and its <see cref="Memory{T}"/> then throw
/// <see cref="ObjectDisposedException"/>. A <see cref="Span{T}"/> or pointer obtained earlier, or by another thread at
/// that moment, cannot be protected: using it reads memory that now belongs to someone else, or ends the process.
/// </para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
public sealed class NativeMemoryPool<T> : MemoryPool<T>
    where T : unmanaged
{
    private readonly PoolCore<T> _core;

    /// <summary>Creates a pool over an allocator. Disposing the pool does not dispose the allocator.</summary>
    /// <param name="allocator">The allocator that the buffers come from.</param>
    /// <param name="options">How the pool behaves; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A value in <paramref name="options"/> is out of its range.
    /// </exception>
    public NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options = null)
        : this(allocator, options, isShared: false)
    {
    }

    /// <inheritdoc cref="NativeMemoryPool{T}(HakmemAllocator, NativeMemoryPoolOptions)"/>
    /// <summary>Creates a pool over any allocator, such as that of a <see cref="MemoryTag"/>.</summary>
    public NativeMemoryPool(IHakmemAllocator allocator, NativeMemoryPoolOptions? options = null)
        : this(ForeignHeap.FrontOf(allocator), options, isShared: false)
    {
    }

    private NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options, bool isShared) =>
        _core = new PoolCore<T>(this, allocator, options, isShared);

    /// <summary>
    /// Raised for each owner that was dropped undisposed, if <see cref="NativeMemoryPoolOptions.LeakTracking"/> is on.
    /// The handler runs on the finalizer thread, where an unhandled exception ends the process. Where managed memory is
    /// out, the owner is counted and the event is not raised.
    /// </summary>
    public event EventHandler<NativeMemoryLeak>? Leaked
    {
        add => _core.Leaked += value;
        remove => _core.Leaked -= value;
    }

    /// <summary>
    /// The process-wide pool of this element type over <see cref="HakmemAllocator.Shared"/>. Disposing it does nothing,
    /// as with <see cref="MemoryPool{T}.Shared"/>. For bytes this is not <see cref="NativeMemoryPool.Shared"/>: each of
    /// the two has its own figures and owners.
    /// </summary>
#pragma warning disable CA1000 // It has to hide the base class's, which is a pool of arrays.
    public static new NativeMemoryPool<T> Shared => SharedPool.Instance;
#pragma warning restore CA1000

    /// <summary>The largest buffer in elements that <see cref="Rent"/> accepts.</summary>
    public override int MaxBufferSize => _core.MaxLength;

    private string DebuggerDisplay => _core.DebuggerDisplay;

    /// <summary>Rents a buffer of exactly <paramref name="minBufferSize"/> elements with undefined contents.</summary>
    /// <param name="minBufferSize">
    /// The length in elements, from 0 to <see cref="MaxBufferSize"/>; -1 for the pool's default length.
    /// </param>
    /// <returns>The owner. Disposing it returns the buffer; disposing it again does nothing.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="minBufferSize"/> is below -1 or above <see cref="MaxBufferSize"/>.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The pool or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">
    /// There is no memory, or the pool's <see cref="NativeMemoryPoolOptions.MaxBytes"/> would be exceeded.
    /// </exception>
    public override IMemoryOwner<T> Rent(int minBufferSize = -1) => _core.Rent(minBufferSize);

    /// <summary>
    /// Rents a buffer as <see cref="Rent"/> does, but waits for room, in order of arrival, where that throws an
    /// <see cref="OutOfMemoryException"/>. No thread is blocked.
    /// </summary>
    /// <remarks>
    /// A rental waits while those that came before it do, however little it needs. It is tried again when a buffer is
    /// returned to this pool, and every 25 ms, since memory may come back from elsewhere; in a pool of
    /// <see cref="HakmemAllocator.Shared"/> without <see cref="NativeMemoryPoolOptions.MaxBytes"/> and leak tracking,
    /// only then. <see cref="Rent"/> does not wait, and may take the room. Thread-safe.
    /// </remarks>
    /// <param name="minBufferSize">The length in elements, as for <see cref="Rent"/>.</param>
    /// <param name="timeout">
    /// How long to wait at most, from 0, which does not wait, to 2^31 - 1 ms; -1 ms for no limit.
    /// </param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The owner, when there is room for the buffer. The task ends with a <see cref="TimeoutException"/> when
    /// the time is over, an <see cref="OperationCanceledException"/> when it is cancelled, or an
    /// <see cref="ObjectDisposedException"/> when the pool or its heap is disposed meanwhile.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value is out of its range.</exception>
    /// <exception cref="ObjectDisposedException">The pool or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">The buffer alone exceeds the pool's
    /// <see cref="NativeMemoryPoolOptions.MaxBytes"/>.</exception>
    public ValueTask<IMemoryOwner<T>> RentAsync(
        int minBufferSize, TimeSpan timeout, CancellationToken cancellation = default) =>
        _core.RentAsync(minBufferSize, timeout, cancellation);

    /// <summary>Adds up the figures of all threads that have used the pool.</summary>
    /// <returns>A snapshot.</returns>
    public NativeMemoryPoolStatistics GetStatistics() => _core.GetStatistics();

    /// <summary>
    /// Ends the pool: further rentals throw. Rented buffers stay valid until their owners are disposed.
    /// </summary>
    /// <param name="disposing">Whether <see cref="IDisposable.Dispose"/> calls this.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _core.End();
        }
    }

    // A class of its own, so that the pool is created when it is first asked for.
    private static class SharedPool
    {
        public static readonly NativeMemoryPool<T> Instance = new(HakmemAllocator.Shared, null, isShared: true);
    }
}
