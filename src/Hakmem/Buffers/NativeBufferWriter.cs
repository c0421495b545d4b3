using System;
using System.Buffers;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Api;
using Hakmem.Os;

namespace Hakmem;

/// <summary>
/// An <see cref="IBufferWriter{T}"/> to one contiguous block of unmanaged memory that grows as needed, in place if
/// possible. It corresponds to <see cref="ArrayBufferWriter{T}"/> for arrays and has the same members.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// <para>
/// Not thread-safe. Do not use a span after the writer has grown or has been disposed. A <see cref="Memory{T}"/>
/// follows the block when it moves, and throws an <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>.
/// Memory that is pinned when the writer grows or is disposed stays at its address until it is unpinned, but no longer
/// belongs to the writer.
/// </para>
/// <para>
/// Disposing the heap frees the memory. Every read and write then throws an <see cref="ObjectDisposedException"/>, and
/// <see cref="Dispose"/> does nothing. A span from before cannot be protected this way, and must not be used.
/// </para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
[DebuggerTypeProxy(typeof(DebuggerViews.WriterView<>))]
public sealed unsafe class NativeBufferWriter<T> : IBufferWriter<T>, IDisposable
    where T : unmanaged
{
    private const int DefaultInitialCapacity = 256;

    private readonly HakmemAllocator _allocator;
    private readonly NativeBlock _block;
    private readonly NativeBlockMemory<T> _memory;

    // The address of the block, null once disposed, and its length in elements.
    private T* _start;
    private int _capacity;
    private int _written;

    // Whether an owner has the block.
    private bool _isDetached;

    /// <summary>Creates a writer that allocates from <see cref="HakmemAllocator.Shared"/>.</summary>
    /// <param name="initialCapacity">The number of elements that fit before it grows, from 0; 256 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="initialCapacity"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public NativeBufferWriter(int initialCapacity = DefaultInitialCapacity)
        : this(HakmemAllocator.Shared, initialCapacity)
    {
    }

    /// <summary>Creates a writer.</summary>
    /// <param name="allocator">The heap that it allocates from.</param>
    /// <param name="initialCapacity">The number of elements that fit before it grows, from 0; 256 by default.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="initialCapacity"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public NativeBufferWriter(HakmemAllocator allocator, int initialCapacity = DefaultInitialCapacity)
    {
        Argument.RequireNotNull(allocator);
        Argument.RequireNotNegative(initialCapacity);
        _allocator = allocator;
        _block = new NativeBlock(typeof(NativeBufferWriter<T>), allocator, BytesOf(initialCapacity));
        try
        {
            ManagedMemory.Need();
            _memory = new NativeBlockMemory<T>(_block, 0, int.MaxValue);
        }
        catch
        {
            _block.Free();
            throw;
        }

        _start = (T*)_block.Pointer;
        _capacity = initialCapacity;
    }

    /// <inheritdoc cref="NativeBufferWriter{T}(HakmemAllocator, int)"/>
    /// <remarks>The allocator may be of any class, such as that of a <see cref="MemoryTag"/>.</remarks>
    public NativeBufferWriter(IHakmemAllocator allocator, int initialCapacity = DefaultInitialCapacity)
        : this(ForeignHeap.FrontOf(allocator), initialCapacity)
    {
    }

    /// <summary>The number of elements written so far; zero after <see cref="Dispose"/>.</summary>
    public int WrittenCount => _written;

    /// <summary>The number of elements that fit without growing; zero after <see cref="Dispose"/>.</summary>
    public int Capacity => _capacity;

    /// <summary>The number of further elements that fit without growing.</summary>
    public int FreeCapacity => _capacity - _written;

    /// <summary>The written elements. Do not use the span after the writer has grown or has been disposed.</summary>
    /// <exception cref="ObjectDisposedException">The writer or its heap has been disposed.</exception>
    public ReadOnlySpan<T> WrittenSpan
    {
        get
        {
            ThrowIfDisposed();
            return new ReadOnlySpan<T>(_start, _written);
        }
    }

    /// <summary>The written elements, as memory that stays valid when the writer grows.</summary>
    /// <exception cref="ObjectDisposedException">The writer or its heap has been disposed.</exception>
    public ReadOnlyMemory<T> WrittenMemory
    {
        get
        {
            ThrowIfDisposed();
            return _memory.Slice(0, _written);
        }
    }

    internal string DebuggerDisplay =>
        DebuggerViews.TextOf<T>(DebuggerViews.GoneText(_start == null, _allocator), nameof(WrittenCount), _written);

    internal T[] FirstElements => DebuggerViews.FirstElements<T>(_allocator, _start, _written);

    internal bool IsGone => _start == null || _allocator.IsDisposed;

    /// <summary>Counts elements as written that the caller wrote to the span of <see cref="GetSpan"/> or the memory of
    /// <see cref="GetMemory"/>.</summary>
    /// <param name="count">The number of elements, from zero to <see cref="FreeCapacity"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="InvalidOperationException">The count is above <see cref="FreeCapacity"/>.</exception>
    /// <exception cref="ObjectDisposedException">The writer or its heap has been disposed.</exception>
    public void Advance(int count)
    {
        if ((uint)count > (uint)(_capacity - _written) || IsGone)
        {
            ThrowCannotAdvance(count);
        }

        _written += count;
    }

    /// <summary>Returns free room after the written elements, and grows the writer if there is not enough.</summary>
    /// <param name="sizeHint">The least length of the room in elements. Zero, the default, counts as one.</param>
    /// <returns>The whole free room. Do not use a span of it after the writer has grown or has been disposed.</returns>
    /// <exception cref="ArgumentException"><paramref name="sizeHint"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">There is no room, or the writer would have more than
    /// <see cref="int.MaxValue"/> elements; it is unchanged.</exception>
    /// <exception cref="ObjectDisposedException">The writer or its heap has been disposed.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<T> GetSpan(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return new Span<T>(_start + _written, _capacity - _written);
    }

    /// <inheritdoc cref="GetSpan"/>
    public Memory<T> GetMemory(int sizeHint = 0)
    {
        EnsureRoom(sizeHint);
        return _memory.Slice(_written, _capacity - _written);
    }

    /// <summary>
    /// Returns free room as <see cref="GetMemory"/> does, but waits for it, in order of arrival, where that throws an
    /// <see cref="OutOfMemoryException"/>. No thread is blocked.
    /// </summary>
    /// <remarks>
    /// The writers that wait for one allocator form a queue, and the first is tried before all others, however little
    /// they need: when a writer, array or stream of this library gives memory back to the allocator, when its limits
    /// change, and every 25 ms, since memory may come back from elsewhere. Other requests do not wait, and may take the
    /// room. A writer that waits for more than the heap's limit waits for another limit, and the others with it. A
    /// writer that waits keeps what it has, so several that wait for each other all time out: let one writer
    /// wait at a time for what others hold. Use no other member of the writer before the task has ended, except
    /// <see cref="Dispose"/>, which ends the wait up to 25 ms later.
    /// </remarks>
    /// <param name="sizeHint">The least length of the room in elements. Zero counts as one.</param>
    /// <param name="timeout">How long to wait at most, from 0 to 2^31 - 1 ms; -1 ms for no limit. The end is seen up to
    /// 25 ms late.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The whole free room. The task ends with a <see cref="TimeoutException"/> when the time is over, an
    /// <see cref="OperationCanceledException"/> when it is cancelled, or an <see cref="ObjectDisposedException"/> when
    /// the writer or its heap is disposed meanwhile. What was written stays as it is.</returns>
    /// <exception cref="ArgumentException"><paramref name="sizeHint"/> is negative.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="timeout"/> is out of its range.</exception>
    /// <exception cref="OutOfMemoryException">The writer would have more than <see cref="int.MaxValue"/> elements.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The writer or its heap has been disposed.</exception>
    public ValueTask<Memory<T>> GetMemoryAsync(
        int sizeHint, TimeSpan timeout, CancellationToken cancellation = default)
    {
        int timeoutMs = Waiting.RequireTimeout(timeout);
        ThrowIfDisposed();
        NeededFor(sizeHint);
        if (cancellation.IsCancellationRequested)
        {
            return new ValueTask<Memory<T>>(Task.FromCanceled<Memory<T>>(cancellation));
        }

        bool hasRoom = Math.Max(sizeHint, 1) <= _capacity - _written;
        RoomQueue queue = _allocator.RoomQueue;
        return hasRoom || (!queue.IsAnyWaiting && TryGrow(sizeHint))
            ? new ValueTask<Memory<T>>(GetMemory(sizeHint))
            : new ValueTask<Memory<T>>(WriterGrowth.WaitAsync(this, queue, sizeHint, timeoutMs, cancellation));
    }

    /// <summary>Writes elements, and grows the writer if needed.</summary>
    /// <param name="values">The elements. They may be part of those written before.</param>
    /// <exception cref="OutOfMemoryException">There is no room, or the writer would have more than
    /// <see cref="int.MaxValue"/> elements; it is unchanged.</exception>
    /// <exception cref="ObjectDisposedException">The writer or its heap has been disposed.</exception>
    public void Write(ReadOnlySpan<T> values)
    {
        if (values.Length > _capacity - _written || IsGone)
        {
            WriteGrowing(values);
            return;
        }

        values.CopyTo(new Span<T>(_start + _written, _capacity - _written));
        _written += values.Length;
    }

    /// <summary>Clears the written elements and sets <see cref="WrittenCount"/> to zero.</summary>
    /// <exception cref="ObjectDisposedException">The writer or its heap has been disposed.</exception>
    public void Clear()
    {
        ThrowIfDisposed();
        new Span<T>(_start, _written).Clear();
        _written = 0;
    }

    /// <summary>Sets <see cref="WrittenCount"/> to zero without clearing the elements.</summary>
    /// <exception cref="ObjectDisposedException">The writer or its heap has been disposed.</exception>
    public void ResetWrittenCount()
    {
        ThrowIfDisposed();
        _written = 0;
    }

    /// <summary>
    /// Hands the memory on to an owner, without copying it. The writer is then as after <see cref="Dispose"/>, which it
    /// no longer needs; memory from before stays valid until the owner is disposed.
    /// </summary>
    /// <returns>The owner of the written elements: its memory has <see cref="WrittenCount"/> elements of now, and the
    /// block keeps its capacity. Dispose it, on any thread; a second disposal does nothing. There is no finalizer that
    /// frees.</returns>
    /// <exception cref="ObjectDisposedException">The writer or its heap has been disposed.</exception>
    public IMemoryOwner<T> Detach()
    {
        ThrowIfDisposed();
        DetachedMemoryOwner<T> owner = new(_block, _memory.Slice(0, _written));
        _isDetached = true;
        _start = null;
        _capacity = 0;
        _written = 0;
        return owner;
    }

    /// <summary>Frees the memory, unless <see cref="Detach"/> has handed it on. A second call does nothing.</summary>
    public void Dispose()
    {
        HakmemCorruptionException? finding = _isDetached ? null : _block.TryFree();
        Interlocked.MemoryBarrier();
        _start = null;
        _capacity = 0;
        _written = 0;
        NativeBlock.ThrowIfFound(finding);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EnsureRoom(int sizeHint)
    {
        // Zero counts as one. A negative hint becomes a huge one, which the slow path rejects.
        if (Math.Max((uint)sizeHint, 1) > (uint)(_capacity - _written) || _allocator.IsDisposed)
        {
            Grow(sizeHint);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int sizeHint)
    {
        if (!TryGrow(sizeHint, isCounted: true))
        {
            throw OutOfMemory(sizeHint);
        }
    }

    // As TryGrow, for a wait: on any thread, and beside Dispose.
    internal bool TryGrowLater(int sizeHint)
    {
        if (!_allocator.TryBeginTry())
        {
            _ = _allocator.IsDisposedForGood();
            ThrowIfDisposed();
            return false;
        }

        try
        {
            return TryGrow(sizeHint);
        }
        finally
        {
            _allocator.EndTry();
        }
    }

    // The room that TryGrowLater made, unless the writer is disposed.
    internal Memory<T> RoomOfTry(int sizeHint)
    {
        int capacity = Volatile.Read(ref _capacity);
        int written = Volatile.Read(ref _written);
        if (capacity - written < Math.Max(sizeHint, 1))
        {
            throw Disposed.Error(typeof(NativeBufferWriter<T>), isHeapGone: false);
        }

        ThrowIfDisposed();
        return _memory.Slice(written, capacity - written);
    }

    // Grows, or returns false if there is no room. isCounted: whether each try of the heap that fails is a refusal.
    internal bool TryGrow(int sizeHint, bool isCounted = false)
    {
        ThrowIfDisposed();
        long needed = NeededFor(sizeHint);

        // Doubles each time, so that the bytes copied by growing stay in proportion to the bytes written. If there is
        // no room for that, it grows to an eighth more than needed, and failing that to what is needed and what its
        // block has beyond that, so that the next write need not grow again.
        long doubled = Math.Max(needed, Math.Clamp(2L * _capacity, DefaultInitialCapacity, int.MaxValue));
        long anEighthMore = needed + (needed / 8);
        if ((doubled > needed && TrySetCapacity(doubled, isCounted)) ||
            (doubled > anEighthMore && TrySetCapacity(anEighthMore, isCounted)))
        {
            return true;
        }

        if (!TrySetCapacity(needed, isCounted))
        {
            return false;
        }

        long usable = (long)(_block.UsableBytes / (nuint)sizeof(T));
        if (usable > needed && doubled > needed)
        {
            _ = TrySetCapacity(Math.Min(usable, doubled), isCounted);
        }

        return true;
    }

    // The exception for a growth that waited in vain, which is one refusal.
    internal TimeoutException GrowthTimedOut(int sizeHint)
    {
        nuint bytes = BytesOf(NeededFor(sizeHint));
        _allocator.CountRefused(bytes);
        return new TimeoutException($"The heap had no room in time for a writer of {bytes} bytes.");
    }

    private OutOfMemoryException OutOfMemory(int sizeHint) =>
        _allocator.OutOfMemory(BytesOf(NeededFor(sizeHint)));

    // The number of elements that the writer has with the room.
    private long NeededFor(int sizeHint)
    {
        if (sizeHint < 0)
        {
            throw new ArgumentException("The size hint must not be negative.", nameof(sizeHint));
        }

        long needed = (long)_written + Math.Max(sizeHint, 1);
        return needed <= int.MaxValue ? needed : throw new OutOfMemoryException(
            $"The writer cannot hold {needed} elements; the most is {int.MaxValue}. Use several writers.");
    }

    // A capacity is at most int.MaxValue.
    private static nuint BytesOf(long capacity) => HakmemAllocatorExtensions.BytesOf<T>((int)capacity);

    private bool TrySetCapacity(long capacity, bool isCounted)
    {
        try
        {
            return _block.TryResize(BytesOf(capacity), isCounted);
        }
        finally
        {
            // Also after an exception the block knows its address and size.
            _start = (T*)_block.Pointer;
            _capacity = (int)(_block.Bytes / (nuint)sizeof(T));

            // A Dispose beside a wait frees the block first: either it is seen here, or it clears both after this.
            Interlocked.MemoryBarrier();
            if (_block.Pointer == null)
            {
                _start = null;
                _capacity = 0;
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void WriteGrowing(ReadOnlySpan<T> values)
    {
        // The values may be part of the block, which growing may move.
        long ownOffset = OffsetOf(values);
        Grow(values.Length);
        ReadOnlySpan<T> source = ownOffset < 0 ? values : new ReadOnlySpan<T>((byte*)_start + ownOffset, values.Length);
        source.CopyTo(new Span<T>(_start + _written, _capacity - _written));
        _written += values.Length;
    }

    // Returns the byte offset of a span in the block, or -1 if it is not part of the block.
    private long OffsetOf(ReadOnlySpan<T> values)
    {
        ulong offset = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(values)) - (nuint)_start;
        return offset < _block.Bytes ? (long)offset : -1;
    }

    [DoesNotReturn]
    private void ThrowCannotAdvance(int count)
    {
        ThrowIfDisposed();
        throw count < 0
            ? new ArgumentException("The count must not be negative.", nameof(count))
            : new InvalidOperationException(
                $"Advance({count}) exceeds the free room of {_capacity - _written} elements. Call GetSpan first.");
    }

    private void ThrowIfDisposed()
    {
        if (IsGone)
        {
            throw Disposed.Error(typeof(NativeBufferWriter<T>), isHeapGone: _start != null);
        }
    }
}
