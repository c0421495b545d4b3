using System;
using System.Numerics;
using Hakmem.Api;
using Hakmem.Os;

namespace Hakmem;

/// <summary>Rental of aligned buffers, beside
/// <see cref="HakmemAllocatorExtensions.Rent{T}(HakmemAllocator, int, bool)"/>. Thread-safe.</summary>
public static unsafe class NativeBufferExtensions
{
    /// <summary>Rents a buffer with an alignment, which <see cref="NativeBuffer{T}.Resize"/> keeps.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="allocator">The allocator.</param>
    /// <param name="length">The number of elements, zero or more. The buffer has exactly this length.</param>
    /// <param name="alignment">The alignment in bytes: a power of two, at most 2^62. Below 16 it counts as 16.</param>
    /// <param name="zeroed">True to set all elements to zero; otherwise they are undefined.</param>
    /// <returns>The buffer.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public static NativeBuffer<T> Rent<T>(
        this HakmemAllocator allocator, int length, nuint alignment, bool zeroed = false)
        where T : unmanaged
    {
        Argument.RequireNotNull(allocator);
        Argument.RequireNotNegative(length);
        nuint bytes = HakmemAllocatorExtensions.BytesOf<T>(length);
        void* pointer = NativeBlock.Allocate(allocator, bytes, alignment, zeroed);
        return new NativeBuffer<T>(allocator, (T*)pointer, length, BitOperations.Log2(alignment));
    }

    /// <inheritdoc cref="Rent{T}(HakmemAllocator, int, nuint, bool)"/>
    /// <remarks>The allocator may be of any class, such as that of a <see cref="MemoryTag"/>.</remarks>
    public static NativeBuffer<T> Rent<T>(
        this IHakmemAllocator allocator, int length, nuint alignment, bool zeroed = false)
        where T : unmanaged => ForeignHeap.FrontOf(allocator).Rent<T>(length, alignment, zeroed);
}
