using System;
using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Hakmem;

/// <summary>
/// An <see cref="IBufferWriter{T}"/> into one contiguous unmanaged block that grows as needed, in place where that is possible: what
/// <see cref="ArrayBufferWriter{T}"/> is for arrays, with the same members.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// Not thread-safe. A span taken from it must not be used after the writer has grown or been disposed; a <see cref="Memory{T}"/> follows
/// the block when it moves, and throws an <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>. Memory that is pinned
/// when the writer grows or is disposed stays where it is until it is unpinned, and then no longer is the writer's.
/// <para>
/// Once its heap has been disposed, which takes the memory with it, whatever reads or writes throws an <see
/// cref="ObjectDisposedException"/>, and
/// <see cref="Dispose"/> does nothing. A span that was taken before cannot be protected so, and must not be used.
/// </para>
/// </remarks>
public sealed unsafe class NativeBufferWriter<T> : IBufferWriter<T>, IDisposable
    where T : unmanaged
{
    private const int DefaultInitialCapacity = 256;

    private readonly HakmemAllocator _allocator;
    private readonly NativeBlock _block;
    private readonly NativeBlockMemory<T> _memory;

    // The block's address, null once disposed, and its length in elements.
    private T* _start;
    private int _capacity;
    private int _written;

    /// <summary>Creates a writer over <see cref="HakmemAllocator.Shared"/>.</summary>
    /// <param name="initialCapacity">How many elements it has room for before it grows, from zero; 256 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="initialCapacity"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public NativeBufferWriter(int initialCapacity = DefaultInitialCapacity)
        : this(HakmemAllocator.Shared, initialCapacity)
    {
    }

    /// <summary>Creates a writer.</summary>
    /// <param name="allocator">Where its memory comes from.</param>
    /// <param name="initialCapacity">How many elements it has room for before it grows, from zero; 256 by default.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="initialCapacity"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room.</exception>
    public NativeBufferWriter(HakmemAllocator allocator, int initialCapacity = DefaultInitialCapacity)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        ArgumentOutOfRangeException.ThrowIfNegative(initialCapacity);
        _allocator = allocator;
        _block = new NativeBlock(typeof(NativeBufferWriter<T>), allocator, (nuint)initialCapacity * (nuint)sizeof(T));
        _memory = new NativeBlockMemory<T>(_block, 0, int.MaxValue);
        _start = (T*)_block.Pointer;
        _capacity = initialCapacity;
    }

    /// <summary>How many elements have been written.</summary>
    public int WrittenCount => _written;

    /// <summary>How many elements there is room for without growing; zero after <see cref="Dispose"/>.</summary>
    public int Capacity => _capacity;

    /// <summary>How many more elements can be written without growing.</summary>
    public int FreeCapacity => _capacity - _written;

    /// <summary>What has been written. It must not be used after the writer has grown or been disposed.</summary>
    /// <exception cref="ObjectDisposedException">The writer has been disposed.</exception>
    public ReadOnlySpan<T> WrittenSpan
    {
        get
        {
            ThrowIfDisposed();
            return new ReadOnlySpan<T>(_start, _written);
        }
    }

    /// <summary>What has been written, as memory that stays valid when the writer grows.</summary>
    /// <exception cref="ObjectDisposedException">The writer has been disposed.</exception>
    public ReadOnlyMemory<T> WrittenMemory
    {
        get
        {
            ThrowIfDisposed();
            return _memory.Slice(0, _written);
        }
    }

    private bool IsGone => _start == null || _allocator.IsDisposed;

    /// <summary>Says that elements were written to what <see cref="GetSpan"/> or <see cref="GetMemory"/> gave.</summary>
    /// <param name="count">How many, from zero to <see cref="FreeCapacity"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="InvalidOperationException">There is less room than that.</exception>
    /// <exception cref="ObjectDisposedException">The writer has been disposed.</exception>
    public void Advance(int count)
    {
        if ((uint)count > (uint)(_capacity - _written) || IsGone)
        {
            ThrowCannotAdvance(count);
        }

        _written += count;
    }

    /// <summary>Room for at least so many elements, behind what has been written.</summary>
    /// <param name="sizeHint">The least length, from zero, which asks for at least one element.</param>
    /// <returns>All the room there is then. It must not be used after the writer has grown or been disposed.</returns>
    /// <exception cref="ArgumentException"><paramref name="sizeHint"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">There is no room, or there would be more than <see cref="int.MaxValue"/> elements; the writer is as it was.</exception>
    /// <exception cref="ObjectDisposedException">The writer has been disposed.</exception>
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

    /// <summary>Writes elements, growing as needed.</summary>
    /// <param name="values">The elements. They may be some of those written before.</param>
    /// <exception cref="OutOfMemoryException">There is no room, or there would be more than <see cref="int.MaxValue"/> elements; the writer is as it was.</exception>
    /// <exception cref="ObjectDisposedException">The writer has been disposed.</exception>
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

    /// <summary>Forgets what was written and sets it to zeros. The memory stays the writer's.</summary>
    /// <exception cref="ObjectDisposedException">The writer has been disposed.</exception>
    public void Clear()
    {
        ThrowIfDisposed();
        new Span<T>(_start, _written).Clear();
        _written = 0;
    }

    /// <summary>Forgets what was written, without clearing it. The memory stays the writer's.</summary>
    /// <exception cref="ObjectDisposedException">The writer has been disposed.</exception>
    public void ResetWrittenCount()
    {
        ThrowIfDisposed();
        _written = 0;
    }

    /// <summary>Returns the memory. A second call does nothing.</summary>
    public void Dispose()
    {
        _start = null;
        _capacity = 0;
        _written = 0;
        _block.Free();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EnsureRoom(int sizeHint)
    {
        // At least one; a negative hint becomes a huge one, which the slow path refuses.
        if (Math.Max((uint)sizeHint, 1) > (uint)(_capacity - _written) || _allocator.IsDisposed)
        {
            Grow(sizeHint);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int sizeHint)
    {
        ThrowIfDisposed();
        if (sizeHint < 0)
        {
            throw new ArgumentException("The size hint must not be negative.", nameof(sizeHint));
        }

        long needed = (long)_written + Math.Max(sizeHint, 1);
        if (needed > int.MaxValue)
        {
            throw new OutOfMemoryException($"A writer cannot hold {needed} elements: {int.MaxValue} are the most.");
        }

        // Twice as much each time, so that what growing copies stays in proportion to what is written. Where there is no room for that, an
        // eighth more; and at last what is needed, and what the block that is got for it has beyond, so that the next write need not grow again.
        long doubled = Math.Max(needed, Math.Clamp(2L * _capacity, DefaultInitialCapacity, int.MaxValue));
        long anEighthMore = needed + (needed / 8);
        if ((doubled > needed && TrySetCapacity(doubled)) || (doubled > anEighthMore && TrySetCapacity(anEighthMore)))
        {
            return;
        }

        if (!TrySetCapacity(needed))
        {
            throw _allocator.OutOfMemory((nuint)needed * (nuint)sizeof(T));
        }

        long usable = (long)(_block.UsableBytes / (nuint)sizeof(T));
        if (usable > needed && doubled > needed)
        {
            _ = TrySetCapacity(Math.Min(usable, doubled));
        }
    }

    private bool TrySetCapacity(long capacity)
    {
        try
        {
            return _block.TryResize((nuint)capacity * (nuint)sizeof(T));
        }
        finally
        {
            // Whatever came to light on the way, the block is what it says it is.
            _start = (T*)_block.Pointer;
            _capacity = (int)(_block.Bytes / (nuint)sizeof(T));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void WriteGrowing(ReadOnlySpan<T> values)
    {
        // Growing may move what the values are a part of.
        long ownOffset = OffsetOf(values);
        Grow(values.Length);
        ReadOnlySpan<T> source = ownOffset < 0 ? values : new ReadOnlySpan<T>((byte*)_start + ownOffset, values.Length);
        source.CopyTo(new Span<T>(_start + _written, _capacity - _written));
        _written += values.Length;
    }

    // Where in the block a span begins, in bytes, or -1 if it is not of the block.
    private long OffsetOf(ReadOnlySpan<T> values)
    {
        ulong offset = (nuint)Unsafe.AsPointer(ref System.Runtime.InteropServices.MemoryMarshal.GetReference(values)) - (nuint)_start;
        return offset < _block.Bytes ? (long)offset : -1;
    }

    [DoesNotReturn]
    private void ThrowCannotAdvance(int count)
    {
        ThrowIfDisposed();
        throw count < 0
            ? new ArgumentException("The count must not be negative.", nameof(count))
            : new InvalidOperationException($"Cannot advance by {count} elements: there is room for {_capacity - _written}.");
    }

    private void ThrowIfDisposed()
    {
        if (IsGone)
        {
            throw Disposed.Error(typeof(NativeBufferWriter<T>), isHeapGone: _start != null);
        }
    }
}
