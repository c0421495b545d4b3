using System;
using System.Runtime.CompilerServices;

namespace Hakmem;

/// <summary>
/// A rented unmanaged buffer of exactly the length that was asked for, owned by one scope. Get one from
/// <see cref="HakmemAllocatorExtensions.Rent{T}"/> in a <c>using</c> declaration.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// <para>
/// A <c>ref struct</c>: it cannot be boxed, stored in a field of a class or kept across an <c>await</c>, and renting one makes no
/// garbage. It is not thread-safe. Copies alias the same memory: dispose and resize only the original; the copies must not be used
/// afterwards.
/// </para>
/// <para>
/// It is a plain pointer and length, which nothing protects: once the heap has been disposed, which takes the memory
/// with it, the buffer must not be used any more. Where a heap may end before what was rented from it, take a <see
/// cref="NativeMemoryPool"/>, whose owners throw then.
/// </para>
/// <para>
/// It works in <c>foreach</c> (elements by reference), in <c>fixed</c> (nothing is pinned, for the memory does not move), and with
/// ranges and indices from the end.
/// </para>
/// </remarks>
public unsafe ref struct NativeBuffer<T> : IDisposable
    where T : unmanaged
{
    // Four fields at most: the JIT compiler keeps a struct of more in memory rather than in registers.
    private HakmemAllocator? _allocator;
    private T* _pointer;
    private int _length;

    // The base-two logarithm of an alignment that Resize has to keep; zero for that of any block.
    private readonly int _alignmentShift;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal NativeBuffer(HakmemAllocator allocator, T* pointer, int length)
    {
        _allocator = allocator;
        _pointer = pointer;
        _length = length;
    }

    internal NativeBuffer(HakmemAllocator allocator, T* pointer, int length, int alignmentShift)
        : this(allocator, pointer, length)
    {
        _alignmentShift = alignmentShift;
    }

    /// <summary>The elements. Empty after <see cref="Dispose"/>; a span taken before must not be used after.</summary>
    public readonly Span<T> Span
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(_pointer, _length);
    }

    /// <summary>The number of elements: exactly what was asked for, and zero after <see cref="Dispose"/>.</summary>
    public readonly int Length
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _length;
    }

    /// <summary>The address of the first element, aligned to 16 bytes or to what was asked for; null after <see cref="Dispose"/>.</summary>
    public readonly T* Pointer
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _pointer;
    }

    /// <summary>One element, by reference.</summary>
    /// <param name="index">From zero to <see cref="Length"/> - 1.</param>
    /// <exception cref="IndexOutOfRangeException">The index is out of range, or the buffer has been disposed.</exception>
    public readonly ref T this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref new Span<T>(_pointer, _length)[index];
    }

    /// <summary>The elements from an index on.</summary>
    /// <param name="start">From zero to <see cref="Length"/>.</param>
    /// <returns>A view of the same memory; it must not be used after <see cref="Dispose"/> or <see cref="Resize"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The start is out of range, or above zero in a disposed buffer.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Span<T> Slice(int start) => Span.Slice(start);

    /// <summary>Some of the elements. A range, as in <c>buffer[1..^1]</c>, compiles to this.</summary>
    /// <param name="start">From zero to <see cref="Length"/>.</param>
    /// <param name="length">From zero to <see cref="Length"/> - <paramref name="start"/>.</param>
    /// <returns>A view of the same memory; it must not be used after <see cref="Dispose"/> or <see cref="Resize"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the buffer; in a disposed one only an empty range does.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Span<T> Slice(int start, int length) => Span.Slice(start, length);

    /// <summary>Enumerates the elements, by reference.</summary>
    /// <returns>The enumerator of <see cref="Span"/>.</returns>
    public readonly Span<T>.Enumerator GetEnumerator() => Span.GetEnumerator();

    /// <summary>For <c>fixed</c> statements.</summary>
    /// <returns>The first element; a null reference if there is none.</returns>
    public readonly ref T GetPinnableReference() => ref Span.GetPinnableReference();

    /// <summary>
    /// Changes the length, in place if possible, and keeps the elements that both lengths have. Spans and pointers taken before must
    /// not be used afterwards.
    /// </summary>
    /// <param name="length">The new number of elements, zero or more.</param>
    /// <param name="zeroed">Whether elements beyond the old length start as zeros; otherwise they are undefined.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The buffer or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room; the buffer is as it was.</exception>
    public void Resize(int length, bool zeroed = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (_allocator is null)
        {
            throw Disposed.Error(typeof(NativeBuffer<T>), isHeapGone: false);
        }

        _pointer = (T*)_allocator.Realloc(_pointer, (nuint)length * (nuint)sizeof(T), (nuint)1 << _alignmentShift);
        int oldLength = _length;
        _length = length;
        if (zeroed && length > oldLength)
        {
            Span[oldLength..].Clear();
        }
    }

    /// <summary>Returns the memory. A second call on the same variable does nothing.</summary>
    /// <exception cref="ObjectDisposedException">The heap was disposed before, and took the memory with it.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Dispose()
    {
        HakmemAllocator? allocator = _allocator;
        if (allocator is not null)
        {
            T* pointer = _pointer;
            _allocator = null;
            _pointer = null;
            _length = 0;
            allocator.Free(pointer);
        }
    }
}
