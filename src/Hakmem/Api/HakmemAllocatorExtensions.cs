using System;
using System.Runtime.CompilerServices;

namespace Hakmem;

/// <summary>Allocation of typed blocks and rental of buffers that are viewed as spans. Thread-safe.</summary>
public static unsafe class HakmemAllocatorExtensions
{
    /// <summary>Allocates a block for <paramref name="count"/> elements. Its contents are undefined.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="allocator">The allocator.</param>
    /// <param name="count">The number of elements; zero is allowed.</param>
    /// <returns>The block, aligned to 16 bytes; never null.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public static T* Alloc<T>(this IHakmemAllocator allocator, nuint count)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(allocator);
        return (T*)allocator.Alloc(ByteCount((nuint)sizeof(T), count));
    }

    /// <summary>Rents an unmanaged buffer for one scope, without garbage and without a finalizer. Dispose it exactly
    /// once, through the variable that owns it: a copy of the struct is an alias.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="allocator">The allocator.</param>
    /// <param name="length">The number of elements, zero or more. The buffer has exactly this length.</param>
    /// <param name="zeroed">True to set all elements to zero; otherwise they are undefined.</param>
    /// <returns>The buffer.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeBuffer<T> Rent<T>(this HakmemAllocator allocator, int length, bool zeroed = false)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(allocator);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        nuint bytes = ByteCount((nuint)sizeof(T), (nuint)length);
        void* pointer = zeroed ? allocator.AllocZeroed(bytes) : allocator.Alloc(bytes);
        return new NativeBuffer<T>(allocator, (T*)pointer, length);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint ByteCount(nuint elementSize, nuint count)
    {
        // A size that overflows becomes the largest size, which every allocator rejects with OutOfMemoryException.
        return count > nuint.MaxValue / elementSize ? nuint.MaxValue : count * elementSize;
    }
}
