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

    // Written once by Dispose on any thread; read by every Rent. A rental that races with Dispose may still succeed.
    private volatile bool _isDisposed;

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
        IsTracked = _options.LeakTracking != LeakTracking.Off;
        _isCapped = _options.MaxBytes > 0;
        _isPlain = !_isCapped && ReferenceEquals(allocator, HakmemAllocator.Shared);
        Number = (uint)Interlocked.Increment(ref s_bookCount);
    }

    // The pool that it is of: the sender of its event. Set by that before anybody can use it.
    public object? Pool { get; set; }

    // As NativeMemoryPool's event of this name.
    public event EventHandler<NativeMemoryLeak>? Leaked;

    // The longest rental in elements.
    public int MaxLength { get; }

    // Whether owners report that they were dropped: then RentTracked rents.
    public bool IsTracked { get; }

    // Tells books of one element type apart in a thread's table.
    public uint Number { get; }

    // Idle owners that no thread has in its ring, last in, first out; locked while used. As many as were ever out at a time, at most.
    public Items<NativeMemoryOwner<T>> SpilledOwners { get; } = new();

    // As NativeMemoryPool's method of this name.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IMemoryOwner<T> Rent(int minBufferSize)
    {
        int length = LengthFor(minBufferSize);
        RentalShard<T> shard = RentalShard<T>.Of(this);
        NativeMemoryOwner<T>? owner = _recycles ? shard.TakeIdle() : null;
        return Begin(shard, owner ?? new NativeMemoryOwner<T>(this), length);
    }

    // The same where IsTracked. Called by nobody but the pool's method, so that the stack begins behind that.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public IMemoryOwner<T> RentTracked(int minBufferSize)
    {
        int length = LengthFor(minBufferSize);
        RentalShard<T> shard = RentalShard<T>.Of(this);
        NativeMemoryOwner<T> owner = (_recycles ? shard.TakeIdle() : null) ?? new TrackedMemoryOwner<T>(this);
        if (_options.LeakTracking == LeakTracking.Stacks)
        {
            ((TrackedMemoryOwner<T>)owner).CaptureStack();
        }

        return Begin(shard, owner, length);
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
        long bytes = (long)length * Unsafe.SizeOf<T>();
        RentalShard<T> shard = RentalShard<T>.Of(this);
        shard.AddReturn(bytes);
        if (_recycles)
        {
            shard.PutIdle(owner);
        }
        else if (IsTracked)
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int LengthFor(int minBufferSize)
    {
        int length = minBufferSize == -1 ? _options.DefaultBufferSize : minBufferSize;
        if (_isDisposed || (uint)length > (uint)MaxLength)
        {
            ThrowCannotRent(minBufferSize);
        }

        return length;
    }

    // The owner first and the block second: an owner that gets none is only garbage.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe NativeMemoryOwner<T> Begin(RentalShard<T> shard, NativeMemoryOwner<T> owner, int length)
    {
        nuint bytes = (nuint)length * (nuint)Unsafe.SizeOf<T>();
        void* block = _isPlain ? shard.AllocShared(bytes) : AllocBeside(bytes);
        owner.Attach(block, length);
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
