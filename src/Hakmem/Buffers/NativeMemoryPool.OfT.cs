using System;
using System.Buffers;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading;

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
/// went with it, and a span or memory that is still used reads what is not its own or ends the process.
/// </para>
/// </remarks>
public class NativeMemoryPool<T> : MemoryPool<T>
    where T : unmanaged
{
    private static int s_poolCount;

    private readonly HakmemAllocator _allocator;
    private readonly NativeMemoryPoolOptions _options;
    private readonly bool _isShared;

    // Copies of what the options say, which every rental reads.
    private readonly int _maxLength;
    private readonly bool _recycles;
    private readonly bool _isTracked;
    private readonly bool _isCapped;

    // Every thread's share, for the pool's life; guarded by its own lock.
    private readonly List<RentalShard<T>> _shards = [];

    // Rented bytes, counted only where there is a cap. Interlocked additions by every rental and return; never above the cap.
    private long _cappedBytes;

    // Interlocked additions: by the finalizer thread (leaks), by whoever disposes too late.
    private long _leakedCount;
    private long _leakedBytes;
    private long _lateDisposeCount;

    // Written once by Dispose on any thread; read by every Rent. A rental that races with Dispose may still succeed.
    private volatile bool _isDisposed;

    /// <summary>Creates a pool over an allocator, which it does not own: disposing the pool leaves the allocator alone.</summary>
    /// <param name="allocator">Where the buffers come from.</param>
    /// <param name="options">How the pool behaves; null for the defaults.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A value in <paramref name="options"/> is out of its range.</exception>
    public NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options = null)
        : this(allocator, options, isShared: false)
    {
    }

    private protected NativeMemoryPool(HakmemAllocator allocator, NativeMemoryPoolOptions? options, bool isShared)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        _allocator = allocator;
        _options = options ?? new NativeMemoryPoolOptions();
        _isShared = isShared;
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.MaxBufferSize, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.DefaultBufferSize, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.DefaultBufferSize, _options.MaxBufferSize, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(_options.MaxBytes, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)_options.LeakTracking, (uint)LeakTracking.Stacks, nameof(options));
        _maxLength = _options.MaxBufferSize;
        _recycles = _options.RecycleOwners;
        _isTracked = _options.LeakTracking != LeakTracking.Off;
        _isCapped = _options.MaxBytes > 0;
        Number = (uint)Interlocked.Increment(ref s_poolCount);
    }

    /// <summary>
    /// Tells of each owner that was dropped undisposed, if <see cref="NativeMemoryPoolOptions.LeakTracking"/> is on. The handler runs on the
    /// finalizer thread, where an exception that it lets out ends the process.
    /// </summary>
    public event EventHandler<NativeMemoryLeak>? Leaked;

    /// <summary>The process-wide pool over <see cref="HakmemAllocator.Shared"/>. Disposing it does nothing, as with <see cref="MemoryPool{T}.Shared"/>.</summary>
#pragma warning disable CA1000 // It has to hide the base class's, which would be a pool of arrays.
    public static new NativeMemoryPool<T> Shared => SharedPool.Instance;
#pragma warning restore CA1000

    /// <summary>The largest buffer in elements that <see cref="Rent"/> accepts.</summary>
    public override int MaxBufferSize => _maxLength;

    // Tells pools of one element type apart in a thread's table.
    internal uint Number { get; }

    // Idle owners that no thread has in its ring; locked while used. As many as were ever out at a time, at most.
    internal Queue<NativeMemoryOwner<T>> SpilledOwners { get; } = new();

    /// <summary>Rents a buffer of exactly <paramref name="minBufferSize"/> elements with undefined contents.</summary>
    /// <param name="minBufferSize">The length in elements, from 0 to <see cref="MaxBufferSize"/>; -1 for the pool's default length.</param>
    /// <returns>The owner; dispose it to return the buffer.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="minBufferSize"/> is below -1 or above <see cref="MaxBufferSize"/>.</exception>
    /// <exception cref="ObjectDisposedException">The pool or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room, or the pool's <see cref="NativeMemoryPoolOptions.MaxBytes"/> would be exceeded.</exception>
    public override unsafe IMemoryOwner<T> Rent(int minBufferSize = -1)
    {
        int length = minBufferSize == -1 ? _options.DefaultBufferSize : minBufferSize;
        if (_isDisposed || (uint)length > (uint)_maxLength)
        {
            ThrowCannotRent(minBufferSize);
        }

        // The owner first and the block second: an owner that gets none is only garbage.
        RentalShard<T> shard = RentalShard<T>.Of(this);
        NativeMemoryOwner<T>? owner = _recycles ? shard.TakeIdle() : null;
        owner ??= _isTracked ? new TrackedMemoryOwner<T>(this) : new NativeMemoryOwner<T>(this);
        if (_isTracked && _options.LeakTracking == LeakTracking.Stacks)
        {
            ((TrackedMemoryOwner<T>)owner).CaptureStack();
        }

        nuint bytes = (nuint)length * (nuint)sizeof(T);
        void* block = _isCapped ? AllocCapped(bytes) : _allocator.Alloc(bytes);
        owner.Attach(block, length);
        shard.AddRental((long)bytes);
        return owner;
    }

    /// <summary>What is rented out, and what went wrong. It adds up figures of every thread that has used the pool.</summary>
    /// <returns>A snapshot.</returns>
    public NativeMemoryPoolStatistics GetStatistics()
    {
        long count = 0;
        long bytes = 0;
        lock (_shards)
        {
            foreach (RentalShard<T> shard in _shards)
            {
                count += shard.RentedCount;
                bytes += shard.RentedBytes;
            }
        }

        return new NativeMemoryPoolStatistics
        {
            RentedCount = count,
            RentedBytes = bytes,
            LeakedCount = Interlocked.Read(ref _leakedCount),
            LeakedBytes = Interlocked.Read(ref _leakedBytes),
            LateDisposeCount = Interlocked.Read(ref _lateDisposeCount),
        };
    }

    // Takes back an owner's block, once for each rental.
    internal unsafe void Return(NativeMemoryOwner<T> owner, void* block, int length)
    {
        long bytes = (long)length * sizeof(T);
        RentalShard<T> shard = RentalShard<T>.Of(this);
        shard.AddReturn(bytes);
        if (_isCapped)
        {
            Interlocked.Add(ref _cappedBytes, -bytes);
        }

        if (_recycles)
        {
            shard.PutIdle(owner);
        }
        else if (_isTracked)
        {
            ((TrackedMemoryOwner<T>)owner).EndTracking();
        }

        try
        {
            _allocator.Free(block);
        }
        catch (ObjectDisposedException)
        {
            // The heap was disposed before this rental, and took the block with it.
        }
    }

    // An owner was disposed that is not rented. With fresh owners that is the harmless second disposal of `using` and the like.
    internal void CountLateDispose()
    {
        if (_recycles)
        {
            Interlocked.Increment(ref _lateDisposeCount);
        }
    }

    // On the finalizer thread. The block stays as it is.
    internal unsafe void ReportLeak(int length, StackTrace? rentalStack)
    {
        long bytes = (long)length * sizeof(T);
        Interlocked.Increment(ref _leakedCount);
        Interlocked.Add(ref _leakedBytes, bytes);
        Leaked?.Invoke(this, new NativeMemoryLeak(bytes, rentalStack));
    }

    // The shard of a thread, taken over from a dead one or made if need be.
    internal RentalShard<T> FindShard(Thread thread)
    {
        lock (_shards)
        {
            RentalShard<T>? orphan = null;
            foreach (RentalShard<T> shard in _shards)
            {
                if (ReferenceEquals(shard.Thread, thread))
                {
                    return shard;
                }

                orphan = orphan is null && !shard.Thread.IsAlive ? shard : orphan;
            }

            if (orphan is null)
            {
                orphan = new RentalShard<T>(this);
                _shards.Add(orphan);
                return orphan;
            }

            // What a thread wrote last is visible once it was seen not to be alive, given this fence.
            Interlocked.MemoryBarrier();
            orphan.Thread = thread;
            return orphan;
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

    [DoesNotReturn]
    private void ThrowCannotRent(int minBufferSize)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        throw new ArgumentOutOfRangeException(nameof(minBufferSize), minBufferSize, $"The size must be from -1 to {_maxLength}.");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe void* AllocCapped(nuint bytes)
    {
        long rented = Interlocked.Add(ref _cappedBytes, (long)bytes);
        try
        {
            return rented <= _options.MaxBytes
                ? _allocator.Alloc(bytes)
                : throw new OutOfMemoryException(
                    $"The pool could not rent {bytes} bytes: {rented - (long)bytes} of its limit of {_options.MaxBytes} bytes are rented.");
        }
        catch
        {
            Interlocked.Add(ref _cappedBytes, -(long)bytes);
            throw;
        }
    }

    // A class of its own, so that it is made when it is asked for.
    private static class SharedPool
    {
        public static readonly NativeMemoryPool<T> Instance = typeof(T) == typeof(byte)
            ? (NativeMemoryPool<T>)(object)NativeMemoryPool.Shared
            : new NativeMemoryPool<T>(HakmemAllocator.Shared, null, isShared: true);
    }
}
