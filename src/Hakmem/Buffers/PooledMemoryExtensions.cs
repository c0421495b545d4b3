using System;
using System.Numerics;
using Hakmem.Os;

namespace Hakmem;

/// <summary>Rental of <see cref="PooledMemory{T}"/>. Thread-safe.</summary>
public static class PooledMemoryExtensions
{
    /// <summary>Rents memory without garbage: the object behind the struct is one that an earlier rental used.
    /// </summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="allocator">The allocator.</param>
    /// <param name="length">The number of elements, zero or more. The memory has exactly this length.</param>
    /// <param name="alignment">The alignment in bytes: a power of two, or 0 for that of every block, 16. Below 16 it
    /// counts as 16.</param>
    /// <param name="zeroed">True to set all elements to zero; otherwise they are undefined.</param>
    /// <returns>The rental. Dispose it exactly once, through whichever copy.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is neither 0 nor a power of two.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public static PooledMemory<T> RentPooled<T>(
        this IHakmemAllocator allocator, int length, int alignment = 0, bool zeroed = false)
        where T : unmanaged
    {
        Argument.RequireNotNull(allocator);
        Argument.RequireNotNegative(length);
        if (alignment != 0 && !BitOperations.IsPow2(alignment))
        {
            throw new ArgumentException(
                $"The alignment must be 0 or a power of two, not {alignment}.", nameof(alignment));
        }

        return PooledMemorySlot<T>.Rent(allocator, length, (nuint)Math.Max(alignment, 1), zeroed);
    }

    /// <summary>Rents memory from a pool, which counts and limits it. Without garbage if the pool has
    /// <see cref="NativeMemoryPoolOptions.RecycleOwners"/>; otherwise the pool creates an object.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="pool">The pool.</param>
    /// <param name="minBufferSize">The length in elements, or -1 for the pool's default length.</param>
    /// <returns>The rental. Dispose it exactly once, through whichever copy.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="pool"/> is null.</exception>
    /// <inheritdoc cref="NativeMemoryPool{T}.Rent" path="/exception"/>
    public static PooledMemory<T> RentPooled<T>(this NativeMemoryPool<T> pool, int minBufferSize = -1)
        where T : unmanaged
    {
        Argument.RequireNotNull(pool);
        return PooledMemorySlot<T>.Rent(pool, minBufferSize);
    }

    /// <inheritdoc cref="RentPooled{T}(NativeMemoryPool{T}, int)"/>
    public static PooledMemory<byte> RentPooled(this NativeMemoryPool pool, int minBufferSize = -1)
    {
        Argument.RequireNotNull(pool);
        return PooledMemorySlot<byte>.Rent(pool, minBufferSize);
    }
}
