using System;
using System.Buffers;
using System.Diagnostics;
using Hakmem.Os;

namespace Hakmem;

/// <summary>Writes to a <see cref="NativeArray{T}"/>, which becomes longer where it is too short. See
/// <see cref="NativeArrayExtensions.AsWriter"/>.</summary>
/// <typeparam name="T">The element type.</typeparam>
/// <remarks>Not thread-safe. It owns nothing: dispose the array. Elements between what is written and the array's
/// length are undefined.</remarks>
[DebuggerDisplay("Position = {Position}")]
public sealed class NativeArrayWriter<T> : IBufferWriter<T>
    where T : unmanaged
{
    private const int LeastGrowth = 256;

    private readonly NativeArray<T> _array;

    // What is left of the room that GetSpan or GetMemory returned last, in elements.
    private int _roomLength;

    internal NativeArrayWriter(NativeArray<T> array, long position)
    {
        _array = array;
        Position = position;
    }

    /// <summary>The index in the array of the next element to write.</summary>
    public long Position { get; private set; }

    /// <summary>Adds elements to the array that were written to the room of <see cref="GetSpan"/> or
    /// <see cref="GetMemory"/>. What is left of the room may be added by further calls.</summary>
    /// <param name="count">The number of elements, from zero to the length of the room that is left.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative.</exception>
    /// <exception cref="InvalidOperationException"><paramref name="count"/> exceeds the length of the room, or the
    /// array has become shorter.</exception>
    public void Advance(int count)
    {
        Argument.RequireNotNegative(count);
        if (count > _roomLength || count > _array.Length - Position)
        {
            throw new InvalidOperationException(
                $"Advance({count}) exceeds the room of {_roomLength} elements. Call GetSpan or GetMemory first.");
        }

        Position += count;
        _roomLength -= count;
    }

    /// <summary>Returns room for elements. Write to it, then call <see cref="Advance"/>.</summary>
    /// <param name="sizeHint">The least length of the room. Zero, the default, counts as one.</param>
    /// <returns>A view of the array: do not use it after the array was resized, as the next call may do.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sizeHint"/> is negative.</exception>
    /// <exception cref="ObjectDisposedException">The array or its heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no room; the array is unchanged.</exception>
    public Span<T> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsSpan(Position, _roomLength);
    }

    /// <inheritdoc cref="GetSpan"/>
    /// <returns>A view of the array, which follows the array when it moves. Each call creates a small object.</returns>
    public Memory<T> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsMemory(Position, _roomLength);
    }

    private void Reserve(int sizeHint)
    {
        Argument.RequireNotNegative(sizeHint);
        long needed = Position + Math.Max(sizeHint, 1);
        if (needed > _array.Length)
        {
            Grow(needed);
        }

        _array.ThrowIfDisposed();
        _roomLength = (int)Math.Min(_array.Length - Position, int.MaxValue);
    }

    // Twice the length, or what is needed if there is no room for that.
    private void Grow(long needed)
    {
        long wanted = Math.Max(needed, Math.Max(LeastGrowth, 2 * Math.Min(_array.Length, long.MaxValue / 2)));
        try
        {
            _array.Resize(wanted);
        }
        catch (OutOfMemoryException) when (wanted > needed)
        {
            _array.Resize(needed);
        }
    }
}
