using System;
using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Collections;

namespace Hakmem;

// What a pool does: its rentals, owners and figures. NativeMemoryPool<T> is the face of it.
//
// This type and those below it have no constraint, though only a pool of an unmanaged T makes one: the compiler of native images
// compiles no generic code for byte ahead where T has a constraint, since that names a type of the framework. With one, a process
// compiled some twenty methods before its first rental, which took as long as all the rest of its start.
internal sealed class RentalBook<T>
{
    private static int s_bookCount;

    private readonly HakmemAllocator _allocator;
    private readonly NativeMemoryPoolOptions _options;
    private readonly bool _isShared;

    // Copies of what the options say, which every rental reads.
    private readonly bool _recycles;

    // Whether owners report that they were dropped.
    private readonly bool _isTracked;
    private readonly bool _isCapped;

    // Over the shared heap, which cannot be disposed and whose paths are the shorter ones where it is named, and without a cap.
    private readonly bool _isPlain;

    // Every thread's share, for the pool's life; guarded by its own lock.
    private readonly Items<RentalShard<T>> _shards = new();

    // Rented bytes, counted only where there is a cap. Interlocked additions by every rental and return; never above the cap.
    private long _cappedBytes;

    // Interlocked additions: by the finalizer thread (leaks), by whoever disposes too late.
    private long _leakedCount;
    private long _leakedBytes;
    private long _lateDisposeCount;

    // Written once by Dispose on any thread; read by rentals that do not go the short way.
    private volatile bool _isDisposed;

    // Lengths below this go the short way: all that may be rented where the pool is plain and not tracked, none otherwise and none once it is
    // disposed. So one comparison stands for all that a rental has to ask. Written by the constructor and once by Dispose on any thread; read by
    // every Rent, and no other memory depends on it. A rental that races with Dispose may still succeed.
    private volatile uint _shortEnd;

    public RentalBook(HakmemAllocator allocator, NativeMemoryPoolOptions? options, bool isShared)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        _allocator = allocator;
        _isShared = isShared;
        if (options is not null)
        {
            Require(options);
        }

        _options = options ?? new NativeMemoryPoolOptions();
        MaxLength = _options.MaxBufferSize;
        _recycles = _options.RecycleOwners;
        _isTracked = _options.LeakTracking != LeakTracking.Off;
        _isCapped = _options.MaxBytes > 0;
        _isPlain = !_isCapped && ReferenceEquals(allocator, HakmemAllocator.Shared);
        _shortEnd = _isPlain && !_isTracked ? (uint)MaxLength + 1 : 0;
        Number = (uint)Interlocked.Increment(ref s_bookCount);
    }

    // The pool that it is of: the sender of its event. Set by that before anybody can use it.
    public object? Pool { get; set; }

    // As NativeMemoryPool's event of this name.
    public event EventHandler<NativeMemoryLeak>? Leaked;

    // The longest rental in elements.
    public int MaxLength { get; }

    // Tells books of one element type apart in a thread's table.
    public uint Number { get; }

    // Idle owners that no thread has in its ring, last in, first out; locked while used. As many as were ever out at a time, at most.
    public Items<NativeMemoryOwner<T>> SpilledOwners { get; } = new();

    // As NativeMemoryPool's method of this name.
    // The owner comes first and the block second: an owner that gets none is only garbage.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe IMemoryOwner<T> Rent(int minBufferSize)
    {
        if ((uint)minBufferSize >= _shortEnd)
        {
            return RentOther(minBufferSize);
        }

        RentalShard<T> shard = RentalShard<T>.Of(this);
        NativeMemoryOwner<T>? owner = shard.TakeIdle();
        owner ??= (_recycles ? shard.TakeSpilled() : null) ?? new NativeMemoryOwner<T>(this);
        nuint bytes = BytesOf(minBufferSize);
        owner.Attach(shard.AllocShared(bytes), minBufferSize);
        shard.AddRental((long)bytes);
        return owner;
    }

    public NativeMemoryPoolStatistics GetStatistics()
    {
        long count = 0;
        long bytes = 0;
        lock (_shards)
        {
            for (int i = 0; i < _shards.Count; i++)
            {
                count += _shards[i].RentedCount;
                bytes += _shards[i].RentedBytes;
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
    public unsafe void Return(NativeMemoryOwner<T> owner, void* block, int length)
    {
        RentalShard<T> shard = RentalShard<T>.Of(this);
        long bytes = (long)BytesOf(length);
        shard.AddReturn(bytes);
        if (_recycles)
        {
            shard.PutIdle(owner);
        }
        else if (_isTracked)
        {
            ((TrackedMemoryOwner<T>)owner).EndTracking();
        }

        if (_isPlain)
        {
            shard.FreeShared(block);
        }
        else
        {
            FreeBeside(block, bytes);
        }
    }

    // An owner was disposed that is not rented. With fresh owners that is the harmless second disposal of `using` and the like.
    public void CountLateDispose()
    {
        if (_recycles)
        {
            Interlocked.Increment(ref _lateDisposeCount);
        }
    }

    // On the finalizer thread. The block stays as it is.
    public void ReportLeak(int length, StackTrace? rentalStack)
    {
        long bytes = (long)length * Unsafe.SizeOf<T>();
        Interlocked.Increment(ref _leakedCount);
        Interlocked.Add(ref _leakedBytes, bytes);
        Leaked?.Invoke(Pool, new NativeMemoryLeak(bytes, rentalStack));
    }

    // The shard of a thread, taken over from a dead one or made if need be.
    public RentalShard<T> FindShard(Thread thread)
    {
        lock (_shards)
        {
            RentalShard<T>? orphan = null;
            for (int i = 0; i < _shards.Count; i++)
            {
                RentalShard<T> shard = _shards[i];
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
            orphan.PassTo(thread);
            return orphan;
        }
    }

    // Further rentals throw.
    public void End()
    {
        if (!_isShared)
        {
            _isDisposed = true;
            _shortEnd = 0;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe void FreeBeside(void* block, long bytes)
    {
        if (_isCapped)
        {
            Interlocked.Add(ref _cappedBytes, -bytes);
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

    private static void Require(NativeMemoryPoolOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxBufferSize, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.DefaultBufferSize, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.DefaultBufferSize, options.MaxBufferSize, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxBytes, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)options.LeakTracking, (uint)LeakTracking.Stacks, nameof(options));
    }

    private static nuint BytesOf(int length) => (nuint)length * (nuint)Unsafe.SizeOf<T>();

    // A rental that does not go the short way, or none. The frames of this class are left out of a tracked rental's stack.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe NativeMemoryOwner<T> RentOther(int minBufferSize)
    {
        int length = minBufferSize == -1 ? _options.DefaultBufferSize : minBufferSize;
        if (_isDisposed || (uint)length > (uint)MaxLength)
        {
            ThrowCannotRent(minBufferSize);
        }

        RentalShard<T> shard = RentalShard<T>.Of(this);
        NativeMemoryOwner<T>? owner = shard.TakeIdle() ?? (_recycles ? shard.TakeSpilled() : null);
        owner ??= _isTracked ? new TrackedMemoryOwner<T>(this) : new NativeMemoryOwner<T>(this);
        if (_options.LeakTracking == LeakTracking.Stacks)
        {
            ((TrackedMemoryOwner<T>)owner).CaptureStack();
        }

        nuint bytes = BytesOf(length);
        owner.Attach(_isPlain ? shard.AllocShared(bytes) : AllocBeside(bytes), length);
        shard.AddRental((long)bytes);
        return owner;
    }

    [DoesNotReturn]
    private void ThrowCannotRent(int minBufferSize)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, Pool!);
        throw new ArgumentOutOfRangeException(nameof(minBufferSize), minBufferSize, $"The size must be from -1 to {MaxLength}.");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe void* AllocBeside(nuint bytes)
    {
        if (!_isCapped)
        {
            return _allocator.Alloc(bytes);
        }

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
}
