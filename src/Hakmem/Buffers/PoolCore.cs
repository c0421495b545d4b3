using System;
using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Events;
using Hakmem.Os;
using Hakmem.Pooling;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem;

// What NativeMemoryPool and NativeMemoryPool<T> have in common: rentals, figures, the cap and leak reports. Owners are
// the business of the kit (see OwnerCache), and blocks that of the allocator.
//
// T has no constraint here, nor in NativeMemoryOwner, although only a pool of an unmanaged T makes one. The compiler of
// native images skips generic code for byte where T is constrained to unmanaged, as the constraint names a type of the
// framework. With the constraint a process compiled some twenty methods before its first rental, which took as long as
// the rest of its start.
internal sealed class PoolCore<T>
{
    // The pool that this is the core of: the sender of its event.
    private readonly MemoryPool<T> _pool;
    private readonly HakmemAllocator _allocator;
    private readonly bool _isShared;

    // The options: whether owners report that they were dropped, and the stack that rented them; the length of a rental
    // that names none; the most bytes that may be rented at a time, or zero.
    private readonly bool _isTracked;
    private readonly bool _capturesStacks;
    private readonly int _defaultLength = NativeMemoryPoolOptions.UsualBufferSize;
    private readonly long _maxBytes;

    // Whether there is no cap, no tracking, and the heap is the shared one, which is never disposed and whose paths are
    // shorter where the code names it.
    private readonly bool _isPlain;

    // Each thread's shard, by the number of its cache of the shared heap, or by its managed id in a process whose
    // threads have no caches.
    private ThreadTable<RentalShard> _shards = new(new UninterruptibleLock());

    // Returns by threads that have no shard, because there was no memory for a cache. Interlocked additions.
    private long _strayCount;
    private long _strayBytes;

    // Rentals that memory or a limit refused. Interlocked additions.
    private long _refusedCount;

    // Rented bytes, counted only if there is a cap. A return subtracts by an interlocked operation. A rental adds by
    // compare-exchange if the sum is within the cap, so the cap is never exceeded, and a refused rental is never
    // counted.
    private long _cappedBytes;

    // The rentals that wait for room; made when the first may have to.
    private RentalQueue<T>? _queue;

    // Interlocked additions by the finalizer thread.
    private long _leakedCount;
    private long _leakedBytes;

    // Written once, by Dispose on any thread; read by RentSlow.
    private volatile bool _isDisposed;

    // Rentals of a length below this take the fast path: all lengths in a plain pool, none otherwise, and none once the
    // pool is disposed. So a rental needs one comparison. Written by the constructor and once by Dispose on any thread;
    // read by every Rent. No other memory depends on it. A rental that races with Dispose may succeed.
    private volatile uint _fastEnd;

    public PoolCore(MemoryPool<T> pool, HakmemAllocator allocator, NativeMemoryPoolOptions? options, bool isShared)
    {
        Argument.RequireNotNull(allocator);
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
            _isTracked = options.LeakTracking != LeakTracking.Off;
            _capturesStacks = options.LeakTracking == LeakTracking.Stacks;
        }

        Owners = new OwnerDepot(recycles: options is { RecycleOwners: true });
        _isPlain = _maxBytes == 0 && !_isTracked && ReferenceEquals(allocator, HakmemAllocator.Shared);
        _fastEnd = _isPlain ? (uint)MaxLength + 1 : 0;
    }

    // See NativeMemoryPool<T>.Leaked.
    public event EventHandler<NativeMemoryLeak>? Leaked;

    // The longest rental in elements.
    public int MaxLength { get; }

    // What the threads share of the owners.
    public OwnerDepot Owners { get; }

    // For a debugger's display.
    public HakmemAllocator Allocator => _allocator;

    public string DebuggerDisplay => DebuggerViews.TextOfPool<T>(_isDisposed, GetStatistics());

    // Whether the rentals' memory is gone.
    public bool IsHeapGone => _allocator.IsDisposed;

    // See HakmemAllocator.TryBeginTry.
    public bool TryBeginTry() => _allocator.TryBeginTry();

    public void EndTry() => _allocator.EndTry();

    public bool IsHeapKnownGone() => _allocator.IsKnownGone();

    public ObjectDisposedException HeapGoneError() => Disposed.Error(_pool.GetType(), isHeapGone: true);

    // The name of a rental in messages, as the caller knows it.
    public string RentalName => typeof(T) == typeof(byte) && _pool is NativeMemoryPool
        ? "IMemoryOwner<byte> rented from NativeMemoryPool"
        : $"IMemoryOwner<{Disposed.NameOf(typeof(T))}> rented from {Disposed.NameOf(_pool.GetType())}";

    // The owner comes first and the block second: if there is no memory for a block, the owner is only garbage.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe IMemoryOwner<T> Rent(int minBufferSize)
    {
        ThreadCache* cache = CurrentThread.Shared;
        RentalShard? shard = TryGetShard(cache);
        if ((uint)minBufferSize >= _fastEnd || shard is null)
        {
            return RentSlow(minBufferSize);
        }

        NativeMemoryOwner<T> owner = TakeIdle(shard) ?? new NativeMemoryOwner<T>(this);
        nuint bytes = BytesOf(minBufferSize);
        void* block = HakmemAllocator.TryAllocShared(cache, bytes);
        owner.Attach(block != null ? block : AllocCounting(bytes), minBufferSize);
        shard.AddRental((long)bytes);
        return owner;
    }

    // Called once for each rental.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public unsafe void Return(NativeMemoryOwner<T> owner, void* block, int length)
    {
        ThreadCache* cache = CurrentThread.Shared;
        RentalShard? shard = TryGetShard(cache);
        if (!_isPlain || shard is null)
        {
            ReturnSlow(owner, block, length);
            return;
        }

        shard.AddReturn((long)BytesOf(length));
        shard.PutIdle(owner);

        HakmemAllocator.FreeShared(cache, block);
    }

    // See NativeMemoryPool<T>.RentAsync. A rental that could never be served does not wait.
    public ValueTask<IMemoryOwner<T>> RentAsync(int minBufferSize, TimeSpan timeout, CancellationToken cancellation)
    {
        int timeoutMs = Waiting.RequireTimeout(timeout);
        int length = LengthOf(minBufferSize);
        if (cancellation.IsCancellationRequested)
        {
            return new ValueTask<IMemoryOwner<T>>(Task.FromCanceled<IMemoryOwner<T>>(cancellation));
        }

        if (_maxBytes > 0 && (long)BytesOf(length) > _maxBytes)
        {
            // Always throws, as Rent does.
            return new ValueTask<IMemoryOwner<T>>(RentSlow(length));
        }

        RentalQueue<T> queue = Queue;
        StackTrace? stack = _capturesStacks ? CaptureStack() : null;
        return !queue.IsAnyWaiting && TryRent(length, stack, out _) is { } owner
            ? new ValueTask<IMemoryOwner<T>>(owner)
            : new ValueTask<IMemoryOwner<T>>(queue.Wait(length, timeoutMs, stack, cancellation));
    }

    // As RentSlow, for a length in range; null, and no refusal is counted, if there is no room. isHeapFull: whether the
    // heap refused it, not the cap. stack: that of the rental, if the pool captures stacks.
    public unsafe IMemoryOwner<T>? TryRent(int length, StackTrace? stack, out bool isHeapFull)
    {
        isHeapFull = false;
        if (_isDisposed)
        {
            ThrowCannotRent(length);
        }

        nuint bytes = BytesOf(length);
        RentalShard? shard = FindShard();
        if (shard is null || (_maxBytes > 0 && !TryAddToCapped(bytes, out _)))
        {
            return null;
        }

        NativeMemoryOwner<T>? idle = TakeIdle(shard);
        void* block = null;
        try
        {
            NativeMemoryOwner<T> owner =
                _isTracked ? BeginTracking(shard, idle, stack) : idle ?? new NativeMemoryOwner<T>(this);
            block = _allocator.TryAllocUncounted(bytes);
            isHeapFull = block == null;
            if (!isHeapFull)
            {
                owner.Attach(block, length);
                shard.AddRental((long)bytes);
                return owner;
            }

            return null;
        }
        finally
        {
            if (block == null)
            {
                Interlocked.Add(ref _cappedBytes, _maxBytes > 0 ? -(long)bytes : 0);
                if (idle is not null)
                {
                    shard.PutIdle(idle);
                }
            }
        }
    }

    // Counts a rental that waited in vain: once, however often it was tried.
    public void CountRefusal(int length, bool isHeapFull)
    {
        Interlocked.Increment(ref _refusedCount);
        if (isHeapFull)
        {
            _allocator.CountRefused(BytesOf(length));
        }
    }

    public NativeMemoryPoolStatistics GetStatistics()
    {
        // Returns are read first: each was a rental before, so that the difference is not negative.
        long returns = Interlocked.Read(ref _strayCount);
        long returnBytes = Interlocked.Read(ref _strayBytes);
        foreach (RentalShard shard in _shards)
        {
            returns += shard.Returns;
            returnBytes += shard.ReturnBytes;
        }

        long rentals = 0;
        long rentalBytes = 0;
        foreach (RentalShard shard in _shards)
        {
            rentals += shard.Rentals;
            rentalBytes += shard.RentalBytes;
        }

        return new NativeMemoryPoolStatistics
        {
            // A thread's counters are plain words, which another thread may see in another order than they were
            // written in.
            RentedCount = Math.Max(0, rentals - returns),
            RentedBytes = Math.Max(0, rentalBytes - returnBytes),
            LeakedCount = Interlocked.Read(ref _leakedCount),
            LeakedBytes = Interlocked.Read(ref _leakedBytes),
            LateDisposeCount = Owners.LateDisposeCount,
            RentalCount = rentals,
            ReturnCount = returns,
            RefusedCount = Interlocked.Read(ref _refusedCount),
            MaxBytes = _maxBytes,
        };
    }

    // Runs on the finalizer thread. The block stays as it is. Counted first: where managed memory is out, the rest of
    // the report is lost, since an exception here would end the process.
    public void ReportLeak(int length, StackTrace? rentalStack)
    {
        long bytes = (long)BytesOf(length);
        Interlocked.Increment(ref _leakedCount);
        Interlocked.Add(ref _leakedBytes, bytes);
        try
        {
            LeakLog.Add(bytes, rentalStack);
            HakmemEventSource.TellLeak(bytes);
            if (Leaked is { } leaked)
            {
                ManagedMemory.Need();
                leaked(_pool, new NativeMemoryLeak(bytes, rentalStack));
            }
        }
        catch (OutOfMemoryException)
        {
        }
    }

    // Counts a return, and keeps the owner if owners are recycled. Without a shard only the owner is lost, as garbage.
    public void CountReturn(RentalShard? shard, NativeMemoryOwner<T> owner, long bytes)
    {
        if (_isTracked && !Owners.Recycles)
        {
            ((TrackedMemoryOwner<T>)owner).EndTracking();
        }

        if (shard is null)
        {
            Interlocked.Increment(ref _strayCount);
            Interlocked.Add(ref _strayBytes, bytes);
            return;
        }

        shard.AddReturn(bytes);
        shard.PutIdle(owner);
    }

    // The calling thread's shard, and its cache; both are made if need be. Null if there is no memory for a cache.
    public unsafe RentalShard? FindShard()
    {
        ThreadCache* cache = HakmemAllocator.GetSharedCache();
        if (cache == null && HakmemAllocator.HasThreadCaches)
        {
            return null;
        }

        int number = cache == null ? Environment.CurrentManagedThreadId : cache->Number;
        return _shards.TryGet(number) ?? _shards.Register(number, new RentalShard(Owners));
    }

    // Ends rentals: later ones throw.
    public void End()
    {
        if (!_isShared)
        {
            _isDisposed = true;
            _fastEnd = 0;
            Volatile.Read(ref _queue)?.End(Disposed.Error(_pool.GetType(), isHeapGone: false));
        }
    }

    private static nuint BytesOf(int length) => HakmemAllocatorExtensions.BytesOf<T>(length);

    // SAFETY: this pool's shards get nothing but owners of this type.
    private static NativeMemoryOwner<T>? TakeIdle(RentalShard shard) =>
        Unsafe.As<NativeMemoryOwner<T>>(shard.TakeIdle());

    // The calling thread's shard, given its cache of the shared heap; null if there is none yet of either.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private unsafe RentalShard? TryGetShard(ThreadCache* cache) => cache == null ? null : _shards.TryGet(cache->Number);

    // A return that does not take the fast path. The block comes last, since only freeing it may throw, if it turns out
    // to be corrupt.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe void ReturnSlow(NativeMemoryOwner<T> owner, void* block, int length)
    {
        long bytes = (long)BytesOf(length);
        if (_maxBytes > 0)
        {
            Interlocked.Add(ref _cappedBytes, -bytes);
        }

        CountReturn(TryGetShard(CurrentThread.Shared) ?? TryFindShard(), owner, bytes);
        try
        {
            Free(block);
        }
        finally
        {
            if (Volatile.Read(ref _queue) is { IsAnyWaiting: true } queue)
            {
                queue.TryAll();
            }
        }
    }

    private unsafe void Free(void* block)
    {
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

    // Made by the first call.
    internal RentalQueue<T> Queue =>
        Volatile.Read(ref _queue) ?? Interlocked.CompareExchange(ref _queue, new RentalQueue<T>(this), null) ?? _queue!;

    // The length of a rental; throws if the pool rents none such.
    private int LengthOf(int minBufferSize)
    {
        int length = minBufferSize == -1 ? _defaultLength : minBufferSize;
        if (_isDisposed || (uint)length > (uint)MaxLength)
        {
            ThrowCannotRent(minBufferSize);
        }

        return length;
    }

    // Like FindShard, but null also if there is no managed memory for a shard.
    private RentalShard? TryFindShard()
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

    // A rental that does not take the fast path, such as a thread's first one. A refused rental gives its owner back to
    // the ring, which has room for it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private NativeMemoryOwner<T> RentSlow(int minBufferSize)
    {
        int length = LengthOf(minBufferSize);
        try
        {
            return RentSlow(length, BytesOf(length));
        }
        catch (OutOfMemoryException)
        {
            Interlocked.Increment(ref _refusedCount);
            throw;
        }
    }

    // Allocates for the fast path, and counts a refusal.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe void* AllocCounting(nuint bytes)
    {
        try
        {
            return _allocator.Alloc(bytes);
        }
        catch (OutOfMemoryException)
        {
            Interlocked.Increment(ref _refusedCount);
            throw;
        }
    }

    private unsafe NativeMemoryOwner<T> RentSlow(int length, nuint bytes)
    {
        RentalShard shard = FindShard() ?? throw new OutOfMemoryException(
            $"The pool could not rent {bytes} bytes: no memory is left for the thread's cache.");
        NativeMemoryOwner<T>? idle = TakeIdle(shard);
        try
        {
            NativeMemoryOwner<T> owner =
                _isTracked
                    ? BeginTracking(shard, idle, _capturesStacks ? CaptureStack() : null)
                    : idle ?? new NativeMemoryOwner<T>(this);
            owner.Attach(Alloc(bytes), length);
            shard.AddRental((long)bytes);
            return owner;
        }
        catch when (idle is not null)
        {
            shard.PutIdle(idle);
            throw;
        }
    }

    // A method of its own, so that its types are not loaded unless a pool tracks owners.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private TrackedMemoryOwner<T> BeginTracking(RentalShard shard, NativeMemoryOwner<T>? idle, StackTrace? stack)
    {
        shard.ClearTakenSlot();
        TrackedMemoryOwner<T> owner = idle is null ? new TrackedMemoryOwner<T>(this) : (TrackedMemoryOwner<T>)idle;
        owner.RentalStack = stack;
        return owner;
    }

    // As BeginTracking.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static StackTrace CaptureStack() => TrackedMemoryOwner<T>.CaptureStack();

    [DoesNotReturn]
    private void ThrowCannotRent(int minBufferSize)
    {
        if (_isDisposed)
        {
            throw Disposed.Error(_pool.GetType(), isHeapGone: false);
        }

        throw new ArgumentOutOfRangeException(
            nameof(minBufferSize), minBufferSize, $"The size must be from -1 to {MaxLength}.");
    }

    private unsafe void* Alloc(nuint bytes)
    {
        if (_maxBytes == 0)
        {
            return _allocator.Alloc(bytes);
        }

        if (!TryAddToCapped(bytes, out long rented))
        {
            throw _allocator.IsKnownGone() ? HeapGoneError() : new OutOfMemoryException(
                $"The pool could not rent {bytes} bytes: {rented} of its limit of {_maxBytes} bytes are rented.");
        }

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

    // rented: the bytes that are rented before, or that leave no room.
    private bool TryAddToCapped(nuint bytes, out long rented)
    {
        rented = Interlocked.Read(ref _cappedBytes);
        long seen;
        do
        {
            seen = rented;
            if ((long)bytes > _maxBytes - seen)
            {
                return false;
            }

            rented = Interlocked.CompareExchange(ref _cappedBytes, seen + (long)bytes, seen);
        }
        while (rented != seen);

        return true;
    }
}
