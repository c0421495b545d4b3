using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem;

/// <summary>
/// A long-indexed array of unmanaged memory, past the 2 GiB and the element count of a managed one: growable, alignable, and viewed as
/// spans, memories, and lists of memories for scatter/gather input and output.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// <para>
/// Reading and writing elements on several threads is the caller's to order; <see cref="Resize"/> and <see cref="Dispose"/> must run
/// beside no other use. There is no finalizer: an array that is dropped undisposed leaks its memory.
/// </para>
/// <para>
/// A span or pointer must not be used after <see cref="Resize"/> or <see cref="Dispose"/>. A <see cref="Memory{T}"/> follows the array when
/// it moves, and throws once the array or its heap is disposed or the array too short for it. Memory that is pinned (as
/// by pending input or output) when the array moves or is disposed stays where it is until it is unpinned, and then no
/// longer is the array's.
/// </para>
/// <para>
/// Once its heap has been disposed, which takes the memory with it, whatever would reach an element throws an <see
/// cref="ObjectDisposedException"/>, and <see cref="Dispose"/> does nothing. A span or pointer that was taken before
/// cannot be protected so, and must not be used.
/// </para>
/// </remarks>
public sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    private const int DefaultSegmentBytes = 1 << 30;

    private readonly HakmemAllocator _allocator;
    private readonly NativeBlock _block;

    // Copies of the block's, so that an access is one load less. The length is zero once disposed, so that no index passes.
    private T* _start;
    private long _length;

    /// <summary>Creates an array on <see cref="HakmemAllocator.Shared"/>.</summary>
    /// <param name="length">The number of elements, from zero.</param>
    /// <param name="zeroed">Whether the elements start as zeros; otherwise they are undefined.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    public NativeArray(long length, bool zeroed = false)
        : this(HakmemAllocator.Shared, length, zeroed)
    {
    }

    /// <summary>Creates an array.</summary>
    /// <param name="allocator">Where its memory comes from.</param>
    /// <param name="length">The number of elements, from zero.</param>
    /// <param name="zeroed">Whether the elements start as zeros; otherwise they are undefined.</param>
    /// <param name="alignment">What the first element's address is a multiple of, also after <see cref="Resize"/>: a power of two, in bytes. Below 16 it counts as 16.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    public NativeArray(HakmemAllocator allocator, long length, bool zeroed = false, long alignment = 1)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (alignment <= 0)
        {
            throw new ArgumentException($"The alignment must be a power of two, not {alignment}.", nameof(alignment));
        }

        _allocator = allocator;
        _block = new NativeBlock(typeof(NativeArray<T>), allocator, ByteCount(length), (nuint)alignment, zeroed);
        _start = (T*)_block.Pointer;
        _length = length;
    }

    /// <summary>The number of elements; zero after <see cref="Dispose"/>.</summary>
    public long Length => _length;

    /// <summary>The address of the first element; null after <see cref="Dispose"/>.</summary>
    public T* Pointer => _start;

    /// <summary>One element, by reference.</summary>
    /// <param name="index">From zero to <see cref="Length"/> - 1.</param>
    /// <exception cref="IndexOutOfRangeException">The index is out of range.</exception>
    /// <exception cref="ObjectDisposedException">The array has been disposed.</exception>
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

    /// <summary>All elements as one span.</summary>
    /// <returns>A view of the array; it must not be used after <see cref="Resize"/> or <see cref="Dispose"/>.</returns>
    /// <exception cref="InvalidOperationException">There are more elements than a span can have.</exception>
    /// <exception cref="ObjectDisposedException">The array has been disposed.</exception>
    public Span<T> AsSpan()
    {
        ThrowIfDisposed();
        return _length <= int.MaxValue
            ? new Span<T>(_start, (int)_length)
            : throw new InvalidOperationException($"A span has at most {int.MaxValue} elements and the array {_length}: take it in parts.");
    }

    /// <summary>Some of the elements as a span.</summary>
    /// <param name="start">The first, from zero to <see cref="Length"/>.</param>
    /// <param name="length">How many, from zero to <see cref="Length"/> - <paramref name="start"/>.</param>
    /// <returns>A view of the array; it must not be used after <see cref="Resize"/> or <see cref="Dispose"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array.</exception>
    /// <exception cref="ObjectDisposedException">The array has been disposed.</exception>
    public Span<T> AsSpan(long start, int length)
    {
        ThrowUnlessInside(start, length);
        return new Span<T>(_start + start, length);
    }

    /// <summary>Some of the elements as a memory, which costs a small object.</summary>
    /// <param name="start">The first, from zero to <see cref="Length"/>.</param>
    /// <param name="length">How many, from zero to <see cref="Length"/> - <paramref name="start"/>.</param>
    /// <returns>A view of the array that follows it when it moves.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array.</exception>
    /// <exception cref="ObjectDisposedException">The array has been disposed.</exception>
    public Memory<T> AsMemory(long start, int length)
    {
        ThrowUnlessInside(start, length);
        return new NativeBlockMemory<T>(_block, ByteCount(start), length).Slice(0, length);
    }

    /// <summary>The bytes of a range, in order, as the buffers of a scattering read (<see cref="System.IO.RandomAccess.Read(Microsoft.Win32.SafeHandles.SafeFileHandle, IReadOnlyList{Memory{byte}}, long)"/>).</summary>
    /// <param name="start">The first element, from zero to <see cref="Length"/>.</param>
    /// <param name="length">How many elements, from zero to <see cref="Length"/> - <paramref name="start"/>.</param>
    /// <param name="maxSegmentBytes">The most bytes of one memory, from one; 1 GiB by default. All but the last have as many.</param>
    /// <returns>The memories; none for an empty range.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the array, or <paramref name="maxSegmentBytes"/> is less than one.</exception>
    /// <exception cref="ObjectDisposedException">The array has been disposed.</exception>
    public IReadOnlyList<Memory<byte>> AsScatterList(long start, long length, int maxSegmentBytes = DefaultSegmentBytes)
    {
        List<Memory<byte>> segments = [];
        AddSegments(start, length, maxSegmentBytes, segments.Add);
        return segments;
    }

    /// <summary>The bytes of a range, in order, as the buffers of a gathering write (<see cref="System.IO.RandomAccess.Write(Microsoft.Win32.SafeHandles.SafeFileHandle, IReadOnlyList{ReadOnlyMemory{byte}}, long)"/>).</summary>
    /// <inheritdoc cref="AsScatterList"/>
    public IReadOnlyList<ReadOnlyMemory<byte>> AsGatherList(long start, long length, int maxSegmentBytes = DefaultSegmentBytes)
    {
        List<ReadOnlyMemory<byte>> segments = [];
        AddSegments(start, length, maxSegmentBytes, segment => segments.Add(segment));
        return segments;
    }

    /// <summary>Changes the length, in place if possible, and keeps the elements that both lengths have.</summary>
    /// <param name="length">The new number of elements, from zero.</param>
    /// <param name="zeroed">Whether elements beyond the old length start as zeros; otherwise they are undefined.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room; the array is as it was.</exception>
    public void Resize(long length, bool zeroed = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ThrowIfDisposed();
        long oldLength = _length;
        try
        {
            _block.Resize(ByteCount(length));
        }
        finally
        {
            // Whatever came to light on the way, the block is what it says it is.
            _start = (T*)_block.Pointer;
            _length = (long)(_block.Bytes / (nuint)sizeof(T));
        }

        if (zeroed && length > oldLength)
        {
            NativeMemory.Clear(_start + oldLength, ByteCount(length - oldLength));
        }
    }

    /// <summary>Sets every element.</summary>
    /// <param name="value">The value.</param>
    /// <exception cref="ObjectDisposedException">The array has been disposed.</exception>
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

    /// <summary>Returns the memory. A second call does nothing.</summary>
    public void Dispose()
    {
        _start = null;
        _length = 0;
        _block.Free();
    }

    private static nuint ByteCount(long count)
    {
        // An impossible size becomes the largest one, which every allocator refuses with its own OutOfMemoryException.
        return (ulong)count > nuint.MaxValue / (nuint)sizeof(T) ? nuint.MaxValue : (nuint)count * (nuint)sizeof(T);
    }

    private void AddSegments(long start, long length, int maxSegmentBytes, Action<Memory<byte>> add)
    {
        ThrowUnlessInside(start, length);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSegmentBytes, 1);
        nuint end = ByteCount(start + length);
        for (nuint offset = ByteCount(start); offset < end;)
        {
            int bytes = (int)nuint.Min(end - offset, (nuint)maxSegmentBytes);
            add(new NativeBlockMemory<byte>(_block, offset, bytes).Slice(0, bytes));
            offset += (nuint)bytes;
        }
    }

    private void ThrowUnlessInside(long start, long length)
    {
        ThrowIfDisposed();
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)start, (ulong)_length, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)length, (ulong)(_length - start), nameof(length));
    }

    [DoesNotReturn]
    private void ThrowIndex()
    {
        ThrowIfDisposed();
        throw new IndexOutOfRangeException();
    }

    private void ThrowIfDisposed()
    {
        if (_start == null || _allocator.IsDisposed)
        {
            throw Disposed.Error(typeof(NativeArray<T>), isHeapGone: _start != null);
        }
    }
}
