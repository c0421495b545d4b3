using System;
using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Hakmem.AspNetCore.Pooling;

namespace Hakmem;

/// <summary>
/// A <see cref="MemoryPool{T}"/> of array-backed blocks of 4096 bytes that the garbage collector does not move, for
/// sockets and pipes. <c>UseHakmemForKestrel</c> makes Kestrel use it (see
/// <see cref="HakmemWebHostBuilderExtensions"/>).
/// </summary>
/// <remarks>
/// <para>
/// Thread-safe, including the owners: any thread may dispose what another thread rented. Each owner is a new small
/// object, so that a late or second <see cref="IDisposable.Dispose"/> does nothing and never hurts another renter.
/// <see cref="PinnedMemoryPoolOptions.RecycleOwners"/> trades that for zero garbage.
/// </para>
/// <para>
/// Each thread keeps a few free blocks for itself. Memory that is not needed for
/// <see cref="PinnedMemoryPoolOptions.IdleTimeout"/> is left to the garbage collector. An owner that is dropped
/// undisposed leaks its block: the block stays counted as rented and is never given to anyone else.
/// </para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
public sealed class PinnedMemoryPool : MemoryPool<byte>
{
    private readonly PinnedBlockStore _store;
    private readonly PinnedMemoryPoolMetrics? _metrics;
    private readonly bool _ownsStore;

    // Written once by Dispose on any thread; read by every Rent. A rental that races with Dispose may still succeed.
    private volatile bool _isDisposed;

    /// <summary>Creates a pool.</summary>
    /// <param name="options">How it behaves; null for the defaults. The values are copied.</param>
    /// <param name="meterFactory">
    /// The factory of the meter <c>Hakmem.AspNetCore</c>, which publishes the pool's metrics; null for no metrics.
    /// </param>
    /// <param name="timeProvider">The clock that measures the idle timeout; null for the system's clock.</param>
    /// <exception cref="ArgumentException">
    /// A value in <paramref name="options"/> is out of its range; the message names it.
    /// </exception>
    public PinnedMemoryPool(
        PinnedMemoryPoolOptions? options = null, IMeterFactory? meterFactory = null, TimeProvider? timeProvider = null)
        : this(options, meterFactory, timeProvider, ManagedHeap.Process)
    {
    }

    // For tests, with a garbage collector of their own.
    internal PinnedMemoryPool(
        PinnedMemoryPoolOptions? options, IMeterFactory? meterFactory, TimeProvider? timeProvider, ManagedHeap heap)
    {
        options ??= new PinnedMemoryPoolOptions();
        foreach (string finding in PinnedMemoryPoolOptionsCheck.Findings(options))
        {
            throw new ArgumentException(finding, nameof(options));
        }

        _store = new PinnedBlockStore(options, timeProvider ?? TimeProvider.System, heap);
        _metrics = meterFactory is null ? null : new PinnedMemoryPoolMetrics(meterFactory, _store);
        _ownsStore = true;
    }

    // A view: it rents from the same memory, and its disposal ends only the view.
    private PinnedMemoryPool(PinnedMemoryPool pool) => _store = pool._store;

    /// <summary>The largest buffer in bytes that <see cref="Rent"/> accepts, and the length of every buffer:
    /// 4096.</summary>
    public override int MaxBufferSize => PinnedSlab.BlockBytes;

    // What the pool keeps at most, in bytes; zero for no limit.
    internal long LimitBytes => _store.LimitBytes;

    // Whether the figures are of interest no more.
    internal bool IsDisposed => _isDisposed;

    // For tests.
    internal PinnedBlockStore Store => _store;

    // For tests.
    internal bool IsTicking => _store.IsTicking;

    /// <summary>Rents a block of 4096 bytes with undefined contents.</summary>
    /// <param name="minBufferSize">
    /// The bytes that are needed, from 0 to 4096, or -1 for any number. The block has 4096 bytes in any case.
    /// </param>
    /// <returns>The owner. Disposing it returns the block; disposing it again does nothing.</returns>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="minBufferSize"/> is below -1 or above 4096.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The pool has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">
    /// The runtime has no memory; or every block within the pool's limit is rented, and
    /// <see cref="PinnedMemoryPoolOptions.RefuseAtLimit"/> is set.
    /// </exception>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        if (minBufferSize is < -1 or > PinnedSlab.BlockBytes)
        {
            ThrowSizeOutOfRange(minBufferSize);
        }

        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return _store.Rent();
    }

    /// <summary>Adds up the figures of the pool, of all users of its memory together.</summary>
    /// <returns>A snapshot.</returns>
    public PinnedMemoryPoolStatistics GetStatistics() => _store.GetStatistics();

    /// <summary>
    /// Drops all memory that is not rented, as far as whole slabs are free, without waiting for the idle timeout. A
    /// garbage collection gives it back to the operating system.
    /// </summary>
    public void Trim() => _store.Trim();

    private string DebuggerDisplay => _isDisposed ? "disposed" : _store.DebuggerDisplay;

    // For Kestrel, which disposes its pools when it stops listening: that must not end the pool for others.
    internal PinnedMemoryPool CreateView() => new(this);

    internal void CheckInvariants() => _store.CheckInvariants();

    /// <summary>
    /// Ends the pool: further rentals throw, and free memory is dropped. Rented blocks stay valid until their owners
    /// are disposed, and are dropped then.
    /// </summary>
    /// <param name="disposing">Whether <see cref="IDisposable.Dispose"/> calls this.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _isDisposed = true;
            if (_ownsStore)
            {
                _metrics?.Dispose();
                _store.Close();
            }
        }
    }

    private static void ThrowSizeOutOfRange(int minBufferSize) => throw new ArgumentOutOfRangeException(
        nameof(minBufferSize), minBufferSize, $"The size must be from -1 to {PinnedSlab.BlockBytes}.");
}
