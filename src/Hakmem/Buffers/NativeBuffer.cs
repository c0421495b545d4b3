using System;
using System.Runtime.CompilerServices;

namespace Hakmem;

/// <summary>
/// A rented unmanaged buffer of exactly the length that was asked for, owned by one scope. Get one from
/// <see cref="HakmemAllocatorExtensions.Rent{T}"/> in a <c>using</c> declaration.
/// </summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>
/// A <c>ref struct</c>: it cannot be boxed, stored in a field of a class or kept across an <c>await</c>, and renting one makes no
/// garbage. It is not thread-safe. Copies alias the same memory: dispose only the original; the copies must not be used afterwards.
/// </remarks>
public unsafe ref struct NativeBuffer<T> : IDisposable
    where T : unmanaged
{
    private HakmemAllocator? _allocator;
    private T* _pointer;
    private int _length;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal NativeBuffer(HakmemAllocator allocator, T* pointer, int length)
    {
        _allocator = allocator;
        _pointer = pointer;
        _length = length;
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

    /// <summary>The address of the first element, aligned to 16 bytes; null after <see cref="Dispose"/>.</summary>
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

    /// <summary>Returns the memory. A second call on the same variable does nothing.</summary>
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
