using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Hakmem.Os;

namespace Hakmem;

/// <summary>A rented buffer of unmanaged memory with exactly the requested length, owned by one scope. Rent it with
/// <see cref="HakmemAllocatorExtensions.Rent{T}(HakmemAllocator, int, bool)"/> in a <c>using</c> declaration.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// <para>
/// A <c>ref struct</c>: it cannot be boxed, stored in a field of a class or kept across an <c>await</c>, and renting
/// one creates no garbage. It is not thread-safe. Copies alias the same memory: dispose and resize only the original,
/// and do not use the copies afterwards.
/// </para>
/// <para>
/// It is a plain pointer and length without protection: disposing the heap frees the memory, and the buffer must not be
/// used any more. If a heap may be disposed before its rentals, use a <see cref="NativeMemoryPool"/>, whose owners then
/// throw.
/// </para>
/// <para>
/// It works in <c>foreach</c> (elements by reference), in <c>fixed</c> (which pins nothing, because the memory does not
/// move), and with ranges and indices from the end.
/// </para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
[DebuggerTypeProxy(typeof(DebuggerViews.BufferView<>))]
public unsafe ref struct NativeBuffer<T> : IDisposable
    where T : unmanaged
{
    // At most four fields: the JIT compiler keeps a struct with more in memory instead of registers.
    private HakmemAllocator? _allocator;
    private T* _pointer;
    private int _length;

    // The base-two logarithm of the alignment that Resize keeps; zero for the alignment of any block.
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

    /// <summary>The elements; empty after <see cref="Dispose"/>. Do not use a span after <see cref="Dispose"/> or
    /// <see cref="Resize"/>.</summary>
    public readonly Span<T> Span
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(_pointer, _length);
    }

    /// <summary>The number of elements: exactly the requested number, or zero after <see cref="Dispose"/>.</summary>
    public readonly int Length
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _length;
    }

    /// <summary>The address of the first element, aligned to 16 bytes or to the requested alignment; null after
    /// <see cref="Dispose"/>.</summary>
    public readonly T* Pointer
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _pointer;
    }

    // A buffer that was never rented looks like one that is disposed.
    internal readonly string DebuggerDisplay =>
        DebuggerViews.TextOf<T>(DebuggerViews.GoneText(_allocator is null, _allocator), nameof(Length), _length);

    internal readonly T[] FirstElements => DebuggerViews.FirstElements<T>(_allocator, _pointer, _length);

    /// <summary>Returns one element by reference.</summary>
    /// <param name="index">From zero to <see cref="Length"/> - 1.</param>
    /// <exception cref="IndexOutOfRangeException">The index is out of range, or the buffer is disposed.</exception>
    public readonly ref T this[int index]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref new Span<T>(_pointer, _length)[index];
    }

    /// <summary>Returns the elements from an index to the end.</summary>
    /// <param name="start">From zero to <see cref="Length"/>.</param>
    /// <returns>A view of the same memory. Do not use it after <see cref="Dispose"/> or <see cref="Resize"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="start"/> is out of its range, which is only zero
    /// after <see cref="Dispose"/>.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Span<T> Slice(int start) => Span.Slice(start);

    /// <summary>Returns some of the elements. A range, as in <c>buffer[1..^1]</c>, compiles to this call.</summary>
    /// <param name="start">From zero to <see cref="Length"/>.</param>
    /// <param name="length">From zero to <see cref="Length"/> - <paramref name="start"/>.</param>
    /// <returns>A view of the same memory. Do not use it after <see cref="Dispose"/> or <see cref="Resize"/>.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the buffer. After <see cref="Dispose"/>
    /// only an empty range at zero does.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Span<T> Slice(int start, int length) => Span.Slice(start, length);

    /// <summary>Returns an enumerator of the elements by reference.</summary>
    /// <returns>The enumerator of <see cref="Span"/>.</returns>
    public readonly Span<T>.Enumerator GetEnumerator() => Span.GetEnumerator();

    /// <summary>Supports <c>fixed</c> statements.</summary>
    /// <returns>A reference to the first element; a null reference if the buffer is empty.</returns>
    public readonly ref T GetPinnableReference() => ref Span.GetPinnableReference();

    /// <summary>Changes the length, in place if possible, and keeps the elements that both lengths have. Do not use
    /// spans and pointers from before the call afterwards.</summary>
    /// <param name="length">The new number of elements, zero or more.</param>
    /// <param name="zeroed">True to set elements beyond the old length to zero; otherwise they are undefined.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The buffer or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room for the elements; the buffer is unchanged.</exception>
    public void Resize(int length, bool zeroed = false)
    {
        Argument.RequireNotNegative(length);
        if (_allocator is null)
        {
            throw Disposed.Error(typeof(NativeBuffer<T>), isHeapGone: false);
        }

        nuint bytes = HakmemAllocatorExtensions.BytesOf<T>(length);
        _pointer = (T*)_allocator.Realloc(_pointer, bytes, (nuint)1 << _alignmentShift);
        int oldLength = _length;
        _length = length;
        if (zeroed && length > oldLength)
        {
            Span[oldLength..].Clear();
        }
    }

    /// <summary>Frees the memory. A second call on the same variable does nothing.</summary>
    /// <exception cref="ObjectDisposedException">The heap was disposed before, which freed the memory.</exception>
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
