using System;
using System.Buffers;
using System.Diagnostics.Metrics;
using Hakmem.AspNetCore.Pooling;

namespace Hakmem;

/// <summary>
/// A <see cref="MemoryPool{T}"/> of array-backed blocks of 4096 bytes that the garbage collector does not move: for sockets and pipes, and
/// what Kestrel gets from <see cref="HakmemWebHostBuilderExtensions.UseHakmemForKestrel(Microsoft.AspNetCore.Hosting.IWebHostBuilder, Action{PinnedMemoryPoolOptions}?)"/>.
/// </summary>
/// <remarks>
/// Thread-safe, owners included: any thread may dispose what another rented. Each thread keeps a few free blocks for itself; memory that is not needed for
/// <see cref="PinnedMemoryPoolOptions.IdleTimeout"/> is dropped, for the garbage collector to give back. An owner that is dropped
/// undisposed leaks its block: it stays counted as rented, and is never given to anyone else.
/// </remarks>
public sealed class PinnedMemoryPool : MemoryPool<byte>
{
    private readonly PinnedBlockStore _store;
    private readonly PinnedMemoryPoolMetrics? _metrics;
    private readonly bool _recyclesOwners;
    private readonly bool _ownsStore;

    // Written once by Dispose on any thread; read by every Rent. A rental that races with Dispose may still succeed.
    private volatile bool _isDisposed;

    /// <summary>Creates a pool.</summary>
    /// <param name="options">How it behaves; null for the defaults. The values are copied.</param>
    /// <param name="meterFactory">Where its metrics are published, under the meter <c>Hakmem.AspNetCore</c>; null for nowhere.</param>
    /// <param name="timeProvider">What its idle timeout is measured with; null for the system's clock.</param>
    /// <exception cref="ArgumentException">A value in <paramref name="options"/> is out of its range; the message names it.</exception>
    public PinnedMemoryPool(PinnedMemoryPoolOptions? options = null, IMeterFactory? meterFactory = null, TimeProvider? timeProvider = null)
        : this(options, meterFactory, timeProvider, ManagedHeap.Process)
    {
    }

    // For tests: asks a garbage collector of their own.
    internal PinnedMemoryPool(PinnedMemoryPoolOptions? options, IMeterFactory? meterFactory, TimeProvider? timeProvider, ManagedHeap heap)
    {
        options ??= new PinnedMemoryPoolOptions();
        foreach (string finding in PinnedMemoryPoolOptionsCheck.Findings(options))
        {
            throw new ArgumentException(finding, nameof(options));
        }

        _store = new PinnedBlockStore(options, timeProvider ?? TimeProvider.System, heap);
        _metrics = meterFactory is null ? null : new PinnedMemoryPoolMetrics(meterFactory, _store);
        _recyclesOwners = options.RecycleOwners;
        _ownsStore = true;
    }

    // A view: rents from the same memory, and its disposal ends nothing but itself.
    private PinnedMemoryPool(PinnedMemoryPool pool)
    {
        _store = pool._store;
        _recyclesOwners = pool._recyclesOwners;
    }

    /// <summary>The largest buffer in bytes that <see cref="Rent"/> accepts, and the length of every buffer: 4096.</summary>
    public override int MaxBufferSize => PinnedSlab.BlockBytes;

    // For tests, as is the next.
    internal PinnedBlockStore Store => _store;

    internal bool IsTicking => _store.IsTicking;

    /// <summary>Rents a block of 4096 bytes with undefined contents.</summary>
    /// <param name="minBufferSize">What is needed at least, from 0 to 4096, or -1 for whatever there is. The block has 4096 bytes in any case.</param>
    /// <returns>The owner; dispose it once to return the block.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="minBufferSize"/> is below -1 or above 4096.</exception>
    /// <exception cref="ObjectDisposedException">The pool has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">The pool is at its limit and every block is rented, or the runtime has no memory.</exception>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        if (minBufferSize is < -1 or > PinnedSlab.BlockBytes)
        {
            ThrowSizeOutOfRange(minBufferSize);
        }

        ObjectDisposedException.ThrowIf(_isDisposed, this);
        PinnedBlock block = _store.Rent();
        return _recyclesOwners ? block : WrapOnce(block);
    }

    /// <summary>What the pool holds and has done, all users of its memory taken together.</summary>
    public PinnedMemoryPoolStatistics GetStatistics() => _store.GetStatistics();

    /// <summary>
    /// Drops all memory that is not rented, as far as whole slabs are free, without waiting for the idle timeout. It reaches the operating
    /// system with a garbage collection.
    /// </summary>
    public void Trim() => _store.Trim();

    // What Kestrel disposes when it stops listening must not end the pool for others.
    internal PinnedMemoryPool CreateView() => new(this);

    internal void CheckInvariants() => _store.CheckInvariants();

    /// <summary>
    /// Ends the pool: further rentals throw, and what is free is dropped. Blocks that are out stay valid until their owners are disposed,
    /// and are dropped then.
    /// </summary>
    /// <param name="disposing">Whether this is a call of <see cref="IDisposable.Dispose"/>.</param>
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

    // The block first and the owner second: if the object cannot be had, the block goes back.
    private static SingleUseOwner WrapOnce(PinnedBlock block)
    {
        try
        {
            return new SingleUseOwner(block);
        }
        catch (OutOfMemoryException)
        {
            block.Dispose();
            throw;
        }
    }

    private static void ThrowSizeOutOfRange(int minBufferSize) => throw new ArgumentOutOfRangeException(
        nameof(minBufferSize), minBufferSize, $"The size must be from -1 to {PinnedSlab.BlockBytes}.");
}
