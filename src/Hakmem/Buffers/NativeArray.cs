using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hakmem.Api;
using Hakmem.Os;

namespace Hakmem;

/// <summary>
/// An array of unmanaged memory with a <see cref="long"/> index, past the 2 GiB and the element count of a managed
/// array. It can grow, can be aligned, and has views as spans, as memories, and as lists of memories for scatter/gather
/// input and output.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// <para>
/// Callers synchronise their own reads and writes of elements. <see cref="Resize"/> and <see cref="Dispose"/> must not
/// run while another thread uses the array. There is no finalizer: an array that is not disposed leaks its memory.
/// </para>
/// <para>
/// Do not use a span or pointer after <see cref="Resize"/> or <see cref="Dispose"/>. A <see cref="Memory{T}"/> follows
/// the array when it moves, and throws once the array or its heap is disposed or the array has become too short for it.
/// Memory that is pinned (as by pending input or output) when the array moves or is disposed stays at its address until
/// it is unpinned, but no longer belongs to the array.
/// </para>
/// <para>
/// Disposing the heap frees the memory. Every access to an element then throws an
/// <see cref="ObjectDisposedException"/>, and <see cref="Dispose"/> does nothing. A span or pointer from before cannot
/// be protected this way, and must not be used.
/// </para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
[DebuggerTypeProxy(typeof(DebuggerViews.ArrayView<>))]
public sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private const int DefaultSegmentBytes = 1 << 30;

    private readonly HakmemAllocator _allocator;
    private readonly NativeBlock _block;

    // Copies of the address and length of the block, which save a load in each access. The length is zero once
    // disposed, so that every index is out of range.
    private T* _start;
    private long _length;

    /// <summary>Creates an array that is allocated from <see cref="HakmemAllocator.Shared"/>.</summary>
    /// <param name="length">The number of elements, from zero.</param>
    /// <param name="zeroed">True to set all elements to zero; otherwise they are undefined.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    public NativeArray(long length, bool zeroed = false)
        : this(HakmemAllocator.Shared, length, zeroed)
    {
    }

    /// <summary>Creates an array.</summary>
    /// <param name="allocator">The heap that it is allocated from.</param>
    /// <param name="length">The number of elements, from zero.</param>
    /// <param name="zeroed">True to set all elements to zero; otherwise they are undefined.</param>
    /// <param name="alignment">The alignment of the first element in bytes, which <see cref="Resize"/> keeps: a power
    /// of two. A value below 16 counts as 16.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    public NativeArray(HakmemAllocator allocator, long length, bool zeroed = false, long alignment = 1)
    {
        Argument.RequireNotNull(allocator);
        Argument.RequireNotNegative(length);
        if (alignment <= 0)
        {
            throw new ArgumentException($"The alignment must be a power of two, not {alignment}.", nameof(alignment));
        }

        _allocator = allocator;
        _block = new NativeBlock(typeof(NativeArray<T>), allocator, ByteCount(length), (nuint)alignment, zeroed);
        _start = (T*)_block.Pointer;
        _length = length;
    }

    /// <inheritdoc cref="NativeArray{T}(HakmemAllocator, long, bool, long)"/>
    /// <remarks>The allocator may be of any class, such as that of a <see cref="MemoryTag"/>.</remarks>
    public NativeArray(IHakmemAllocator allocator, long length, bool zeroed = false, long alignment = 1)
        : this(ForeignHeap.FrontOf(allocator), length, zeroed, alignment)
    {
    }

    /// <summary>The number of elements; zero after <see cref="Dispose"/>.</summary>
    public long Length => _length;

    /// <summary>The address of the first element; null after <see cref="Dispose"/>.</summary>
    public T* Pointer => _start;

    internal string DebuggerDisplay =>
        DebuggerViews.TextOf<T>(DebuggerViews.GoneText(_start == null, _allocator), nameof(Length), _length);

    internal T[] FirstElements => DebuggerViews.FirstElements<T>(_allocator, _start, _length);

    /// <summary>Returns one element by reference.</summary>
    /// <param name="index">From zero to <see cref="Length"/> - 1.</param>
    /// <exception cref="IndexOutOfRangeException">The index is out of range.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public ref T this[long index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            if ((ulong)index >= (ulong)_length || _allocator.IsDisposed)
            {
                ThrowIndex();
            }

            return ref _start[index];
        }
    }

    /// <summary>Returns all elements as one span.</summary>
    /// <returns>A view of the array. Do not use it after <see cref="Resize"/> or <see cref="Dispose"/>.</returns>
    /// <exception cref="InvalidOperationException">There are more than <see cref="int.MaxValue"/> elements.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public Span<T> AsSpan()
    {
        ThrowIfDisposed();
        return _length <= int.MaxValue
            ? new Span<T>(_start, (int)_length)
            : throw new InvalidOperationException(
                $"The array has {_length} elements, a span at most {int.MaxValue}. Call AsSpan(start, length).");
    }

    /// <summary>Returns some of the elements as a span.</summary>
    /// <param name="start">The index of the first, from zero to <see cref="Length"/>.</param>
    /// <param name="length">How many elements, from zero to <see cref="Length"/> - <paramref name="start"/>.</param>
    /// <returns>A view of the array. Do not use it after <see cref="Resize"/> or <see cref="Dispose"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public Span<T> AsSpan(long start, int length)
    {
        ThrowUnlessInside(start, length);
        return new Span<T>(_start + start, length);
    }

    /// <summary>Returns some of the elements as a memory. Each call creates a small object.</summary>
    /// <param name="start">The index of the first, from zero to <see cref="Length"/>.</param>
    /// <param name="length">How many elements, from zero to <see cref="Length"/> - <paramref name="start"/>.</param>
    /// <returns>A view of the array, which follows the array when it moves.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public Memory<T> AsMemory(long start, int length)
    {
        ThrowUnlessInside(start, length);
        return new NativeBlockMemory<T>(_block, ByteCount(start), length).Slice(0, length);
    }

    /// <summary>Returns the bytes of a range, in order, as the buffers for a scatter read (<c>Read</c> of
    /// <see cref="System.IO.RandomAccess"/>).</summary>
    /// <param name="start">The index of the first element, from zero to <see cref="Length"/>.</param>
    /// <param name="length">How many elements, from zero to <see cref="Length"/> - <paramref name="start"/>.</param>
    /// <param name="maxSegmentBytes">The most bytes of one memory, from one; 1 GiB by default. All memories but the
    /// last have this size.</param>
    /// <returns>The memories; an empty list for an empty range.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array, or
    /// <paramref name="maxSegmentBytes"/> is less than one.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public IReadOnlyList<Memory<byte>> AsScatterList(long start, long length, int maxSegmentBytes = DefaultSegmentBytes)
    {
        List<Memory<byte>> segments = [];
        AddSegments(start, length, maxSegmentBytes, segments.Add);
        return segments;
    }

    /// <summary>Returns the bytes of a range, in order, as the buffers for a gather write (<c>Write</c> of
    /// <see cref="System.IO.RandomAccess"/>).</summary>
    /// <inheritdoc cref="AsScatterList"/>
    public IReadOnlyList<ReadOnlyMemory<byte>> AsGatherList(
        long start, long length, int maxSegmentBytes = DefaultSegmentBytes)
    {
        List<ReadOnlyMemory<byte>> segments = [];
        AddSegments(start, length, maxSegmentBytes, segment => segments.Add(segment));
        return segments;
    }

    /// <summary>Changes the length, in place if possible, and keeps the elements that both lengths have.</summary>
    /// <param name="length">The new number of elements, from zero.</param>
    /// <param name="zeroed">True to set elements beyond the old length to zero; otherwise they are undefined.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room for the elements; the array is unchanged.</exception>
    public void Resize(long length, bool zeroed = false)
    {
        Argument.RequireNotNegative(length);
        ThrowIfDisposed();
        long oldLength = _length;
        try
        {
            _block.Resize(ByteCount(length));
        }
        finally
        {
            // Also after an exception the block knows its address and size.
            _start = (T*)_block.Pointer;
            _length = (long)(_block.Bytes / (nuint)sizeof(T));
        }

        if (zeroed && length > oldLength)
        {
            NativeMemory.Clear(_start + oldLength, ByteCount(length - oldLength));
        }
    }

    /// <summary>Sets every element to a value.</summary>
    /// <param name="value">The value.</param>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    public void Fill(T value)
    {
        ThrowIfDisposed();
        for (long done = 0; done < _length;)
        {
            int step = (int)Math.Min(_length - done, int.MaxValue);
            new Span<T>(_start + done, step).Fill(value);
            done += step;
        }
    }

    /// <summary>Frees the memory. A second call does nothing.</summary>
    public void Dispose()
    {
        _start = null;
        _length = 0;
        _block.Free();
    }

    private static nuint ByteCount(long count)
    {
        // A size that overflows becomes the largest size, which every allocator rejects with OutOfMemoryException.
        return (ulong)count > nuint.MaxValue / (nuint)sizeof(T) ? nuint.MaxValue : (nuint)count * (nuint)sizeof(T);
    }

    private void AddSegments(long start, long length, int maxSegmentBytes, Action<Memory<byte>> add)
    {
        ThrowUnlessInside(start, length);
        Argument.RequireAtLeast(maxSegmentBytes, 1);
        nuint end = ByteCount(start + length);
        for (nuint offset = ByteCount(start); offset < end;)
        {
            int bytes = (int)nuint.Min(end - offset, (nuint)maxSegmentBytes);
            add(new NativeBlockMemory<byte>(_block, offset, bytes).Slice(0, bytes));
            offset += (nuint)bytes;
        }
    }

    internal void ThrowUnlessInside(long start, long length)
    {
        ThrowIfDisposed();
        Argument.RequireAtMost(start, _length);
        Argument.RequireAtMost(length, _length - start);
    }

    [DoesNotReturn]
    private void ThrowIndex()
    {
        ThrowIfDisposed();
        throw new IndexOutOfRangeException();
    }

    internal void ThrowIfDisposed()
    {
        if (_start == null || _allocator.IsDisposed)
        {
            throw Disposed.Error(typeof(NativeArray<T>), isHeapGone: _start != null);
        }
    }
}
