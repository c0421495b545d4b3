using System;
using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem;

// What a pool does: its rentals, owners and figures. NativeMemoryPool and NativeMemoryPool<T> are the faces of it.
//
// This type and those below it have no constraint, though only a pool of an unmanaged T makes one: the compiler of native images
// compiles no generic code for byte ahead where T has a constraint, since that names a type of the framework. With one, a process
// compiled some twenty methods before its first rental, which took as long as all the rest of its start.
internal sealed class RentalBook<T>
{
    private const int FirstShards = 4;

    // The pool that it is of: the sender of its event.
    private readonly MemoryPool<T> _pool;
    private readonly HakmemAllocator _allocator;
    private readonly bool _isShared;

    // What the options say: whether owners are used again, whether they report that they were dropped, and where they were rented; the length of
    // rentals that name none; the most bytes that may be out, or zero.
    private readonly bool _recycles;
    private readonly bool _isTracked;
    private readonly bool _capturesStacks;
    private readonly int _defaultLength = NativeMemoryPoolOptions.UsualBufferSize;
    private readonly long _maxBytes;

    // Over the shared heap, which cannot be disposed and whose paths are the shorter ones where it is named, and with neither of the two.
    private readonly bool _isPlain;

    // Every thread's share, by the number of its cache of the shared heap; null where that thread has not used this pool. A thread reads its own
    // place without a lock. Places are written, and the array replaced by a longer one, under the lock, so that no
    // place is lost; the array is published with release and read with acquire. Both are made before the lock is
    // entered.
    private volatile RentalShard<T>?[] _shards = new RentalShard<T>?[FirstShards];
    private readonly UninterruptibleLock _shardsLock = new();

    // What was returned by threads that could have no share, as there was no memory for a cache. Interlocked additions.
    private long _strayCount;
    private long _strayBytes;

    // Rented bytes, counted only where there is a cap. Interlocked: every return subtracts, and a rental adds if the sum is within the cap, which
    // so is never exceeded, nor a rental refused for the sake of another that was refused.
    private long _cappedBytes;

    // Interlocked additions: by the finalizer thread (leaks), by whoever disposes too late.
    private long _leakedCount;
    private long _leakedBytes;
    private long _lateDisposeCount;

    // Written once by Dispose on any thread; read by rentals that do not go the short way.
    private volatile bool _isDisposed;

    // Lengths below this go the short way: all that may be rented where the pool is plain, none otherwise and none once it is disposed. So one
    // comparison stands for all that a rental has to ask. Written by the constructor and once by Dispose on any thread; read by every Rent, and no
    // other memory depends on it. A rental that races with Dispose may still succeed.
    private volatile uint _shortEnd;

    public RentalBook(MemoryPool<T> pool, HakmemAllocator allocator, NativeMemoryPoolOptions? options, bool isShared)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        _pool = pool;
        _allocator = allocator;
        _isShared = isShared;
        MaxLength = int.MaxValue;
        if (options is not null)
        {
            if (options.Fault is { } fault)
            {
                throw new ArgumentOutOfRangeException(nameof(options), fault);
            }

            MaxLength = options.MaxBufferSize;
            _defaultLength = options.DefaultBufferSize;
            _maxBytes = options.MaxBytes;
            _recycles = options.RecycleOwners;
            _isTracked = options.LeakTracking != LeakTracking.Off;
            _capturesStacks = options.LeakTracking == LeakTracking.Stacks;
        }

        _isPlain = _maxBytes == 0 && !_isTracked && ReferenceEquals(allocator, HakmemAllocator.Shared);
        _shortEnd = _isPlain ? (uint)MaxLength + 1 : 0;
    }

    // As NativeMemoryPool's event of this name.
    public event EventHandler<NativeMemoryLeak>? Leaked;

    // The longest rental in elements.
    public int MaxLength { get; }

    // Whether owners are used again.
    public bool IsRecycling => _recycles;

    // Idle owners that no thread has in its ring.
    public SpilledOwners<T> SpilledOwners { get; } = new();

    // Whether the rentals' memory is gone.
    public bool IsHeapGone => _allocator.IsDisposed;

    // What the caller knows a rental as.
    public string RentalName => typeof(T) == typeof(byte) && _pool is NativeMemoryPool
        ? "IMemoryOwner<byte> rented from NativeMemoryPool"
        : $"IMemoryOwner<{Disposed.NameOf(typeof(T))}> rented from {Disposed.NameOf(_pool.GetType())}";

    // As NativeMemoryPool's method of this name. The owner comes first and the block second: an owner that gets none is only garbage.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe IMemoryOwner<T> Rent(int minBufferSize)
    {
        ThreadCache* cache = CurrentThread.Shared;
        RentalShard<T>? shard = TryGetShard(cache);
        if ((uint)minBufferSize >= _shortEnd || shard is null)
        {
            return RentOther(minBufferSize);
        }

        NativeMemoryOwner<T>? owner = shard.TakeIdle();
        owner ??= (_recycles ? shard.TakeSpilled() : null) ?? new NativeMemoryOwner<T>(this);
        nuint bytes = BytesOf(minBufferSize);
        owner.Attach(HakmemAllocator.AllocShared(cache, bytes), minBufferSize);
        shard.AddRental((long)bytes);
        return owner;
    }

    // Takes back an owner's block, once for each rental.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void Return(NativeMemoryOwner<T> owner, void* block, int length)
    {
        ThreadCache* cache = CurrentThread.Shared;
        RentalShard<T>? shard = TryGetShard(cache);
        if (!_isPlain || shard is null)
        {
            ReturnOther(owner, block, length);
            return;
        }

        shard.AddReturn((long)BytesOf(length));
        if (_recycles)
        {
            shard.PutIdle(owner);
        }

        HakmemAllocator.FreeShared(cache, block);
    }

    public NativeMemoryPoolStatistics GetStatistics()
    {
        long count = Interlocked.Read(ref _strayCount);
        long bytes = Interlocked.Read(ref _strayBytes);
        foreach (RentalShard<T>? shard in _shards)
        {
            count += shard?.RentedCount ?? 0;
            bytes += shard?.RentedBytes ?? 0;
        }

        return new NativeMemoryPoolStatistics
        {
            // A buffer that is returned on another thread than it was rented on is taken off another shard's figures,
            // which may be read later than its own.
            RentedCount = Math.Max(0, count),
            RentedBytes = Math.Max(0, bytes),
            LeakedCount = Interlocked.Read(ref _leakedCount),
            LeakedBytes = Interlocked.Read(ref _leakedBytes),
            LateDisposeCount = Interlocked.Read(ref _lateDisposeCount),
        };
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
        Leaked?.Invoke(_pool, new NativeMemoryLeak(bytes, rentalStack));
    }

    // Counts a return, and keeps the owner where it is to be used again; shard is null where there is no memory for the thread's cache. Nothing is
    // lost then but the owner, as garbage.
    public void CountReturn(RentalShard<T>? shard, NativeMemoryOwner<T> owner, long bytes)
    {
        if (_isTracked && !_recycles)
        {
            ((TrackedMemoryOwner<T>)owner).EndTracking();
        }

        if (shard is null)
        {
            Interlocked.Decrement(ref _strayCount);
            Interlocked.Add(ref _strayBytes, -bytes);
            return;
        }

        shard.AddReturn(bytes);
        if (_recycles)
        {
            shard.PutIdle(owner);
        }
    }

    // The calling thread's share, made if need be, and its cache; null if there is no memory for that.
    public unsafe RentalShard<T>? FindShard()
    {
        ThreadCache* cache = HakmemAllocator.GetSharedCache();
        RentalShard<T>? shard = TryGetShard(cache);
        if (cache == null || shard is not null)
        {
            return shard;
        }

        shard = new RentalShard<T>(this);
        for (RentalShard<T>?[]? longer = null; ;)
        {
            int length;
            using (_shardsLock.Enter())
            {
                RentalShard<T>?[] shards = _shards;
                length = shards.Length;
                if (cache->Number >= length && longer?.Length > length)
                {
                    shards.AsSpan().CopyTo(longer);
                    shards = longer;
                }

                if (cache->Number < shards.Length)
                {
                    Volatile.Write(ref shards[cache->Number], shard);
                    _shards = shards;
                    return shard;
                }
            }

            longer = new RentalShard<T>?[Math.Max(cache->Number + 1, length * 2)];
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

    private static nuint BytesOf(int length) => (nuint)length * (nuint)Unsafe.SizeOf<T>();

    // The calling thread's share, given its cache of the shared heap; null if there is none yet of either.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe RentalShard<T>? TryGetShard(ThreadCache* cache)
    {
        RentalShard<T>?[] shards = _shards;
        return cache != null && (uint)cache->Number < (uint)shards.Length ? shards[cache->Number] : null;
    }

    // Takes back a block that does not go the short way. The block comes last, as only it may throw, if something else
    // comes to light.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe void ReturnOther(NativeMemoryOwner<T> owner, void* block, int length)
    {
        long bytes = (long)BytesOf(length);
        if (_maxBytes > 0)
        {
            Interlocked.Add(ref _cappedBytes, -bytes);
        }

        CountReturn(TryGetShard(CurrentThread.Shared) ?? TryFindShard(), owner, bytes);
        if (_allocator.IsDisposed)
        {
            return;
        }

        try
        {
            _allocator.Free(block);
        }
        catch (ObjectDisposedException)
        {
            NativeBlock.ThrowIfFound(NativeBlock.TryRelease(_allocator, block));
        }
    }

    // As FindShard; null also where there is no managed memory for a share.
    private RentalShard<T>? TryFindShard()
    {
        try
        {
            return FindShard();
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    // Apart, so that the type is not so much as loaded where nothing is tracked. The frames of this class are left out of the stack.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private TrackedMemoryOwner<T> BeginTracking(RentalShard<T> shard, NativeMemoryOwner<T>? idle)
    {
        shard.ForgetTaken();
        TrackedMemoryOwner<T> owner = idle is null ? new TrackedMemoryOwner<T>(this) : (TrackedMemoryOwner<T>)idle;
        if (_capturesStacks)
        {
            owner.CaptureStack();
        }

        return owner;
    }

    // A rental that does not go the short way, a thread's first among them, or none.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe NativeMemoryOwner<T> RentOther(int minBufferSize)
    {
        int length = minBufferSize == -1 ? _defaultLength : minBufferSize;
        if (_isDisposed || (uint)length > (uint)MaxLength)
        {
            ThrowCannotRent(minBufferSize);
        }

        nuint bytes = BytesOf(length);
        RentalShard<T> shard = FindShard() ?? throw new OutOfMemoryException($"The pool could not rent {bytes} bytes: no memory is left for the thread's cache.");
        NativeMemoryOwner<T>? idle = shard.TakeIdle() ?? (_recycles ? shard.TakeSpilled() : null);
        return idle is null ? Begin(shard, null, bytes, length) : BeginAgain(shard, idle, bytes, length);
    }

    // The rest of it, with an owner that was used before or a new one. The owner comes first and the block second, as
    // in Rent.
    private unsafe NativeMemoryOwner<T> Begin(RentalShard<T> shard, NativeMemoryOwner<T>? idle, nuint bytes, int length)
    {
        NativeMemoryOwner<T> owner = _isTracked ? BeginTracking(shard, idle) : idle ?? new NativeMemoryOwner<T>(this);
        owner.Attach(_maxBytes > 0 ? AllocCapped(bytes) : _allocator.Alloc(bytes), length);
        shard.AddRental((long)bytes);
        return owner;
    }

    // The same with an owner that was used before, which is kept if the rental is refused. There is room in the ring,
    // where one was taken.
    private NativeMemoryOwner<T> BeginAgain(RentalShard<T> shard, NativeMemoryOwner<T> idle, nuint bytes, int length)
    {
        try
        {
            return Begin(shard, idle, bytes, length);
        }
        catch
        {
            shard.PutIdle(idle);
            throw;
        }
    }

    [DoesNotReturn]
    private void ThrowCannotRent(int minBufferSize)
    {
        if (_isDisposed)
        {
            throw Disposed.Error(_pool.GetType(), isHeapGone: false);
        }

        throw new ArgumentOutOfRangeException(nameof(minBufferSize), minBufferSize, $"The size must be from -1 to {MaxLength}.");
    }

    private unsafe void* AllocCapped(nuint bytes)
    {
        long rented = Interlocked.Read(ref _cappedBytes);
        long seen;
        do
        {
            seen = rented;
            if ((long)bytes > _maxBytes - seen)
            {
                throw new OutOfMemoryException($"The pool could not rent {bytes} bytes: {seen} of its limit of {_maxBytes} bytes are rented.");
            }

            rented = Interlocked.CompareExchange(ref _cappedBytes, seen + (long)bytes, seen);
        }
        while (rented != seen);

        try
        {
            return _allocator.Alloc(bytes);
        }
        catch
        {
            Interlocked.Add(ref _cappedBytes, -(long)bytes);
            throw;
        }
    }
}
