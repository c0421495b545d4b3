using System;
using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using Hakmem.Api;
using Hakmem.Os;

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
        Argument.RequireNotNull(allocator);
        return (T*)allocator.Alloc(ByteCount((nuint)sizeof(T), count));
    }

    /// <summary>Allocates a block for <paramref name="count"/> elements, all of whose bytes are zero.</summary>
    /// <inheritdoc cref="Alloc{T}(IHakmemAllocator, nuint)"/>
    public static T* AllocZeroed<T>(this IHakmemAllocator allocator, nuint count)
        where T : unmanaged
    {
        Argument.RequireNotNull(allocator);
        return (T*)allocator.AllocZeroed(ByteCount((nuint)sizeof(T), count));
    }

    /// <summary>Changes the size of a block as <see cref="IHakmemAllocator.Realloc(void*, nuint, nuint)"/> does, but
    /// does not throw if there is no room.</summary>
    /// <param name="allocator">The allocator.</param>
    /// <param name="ptr">A block of the allocator, or null to allocate a new one; afterwards the resized block, which
    /// is aligned. It is unchanged if the call returns false or throws.</param>
    /// <param name="byteCount">The new size in bytes; zero is allowed.</param>
    /// <param name="alignment">The alignment in bytes: a power of two.</param>
    /// <returns>False if the system, the address range or a limit has no room. The block then has its address, its
    /// contents and at least its size.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    /// <exception cref="HakmemCorruptionException"><paramref name="ptr"/> is not a live block of the allocator, as far
    /// as the hardening level can detect it.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public static bool TryRealloc(this IHakmemAllocator allocator, ref void* ptr, nuint byteCount, nuint alignment)
    {
        HakmemAllocator front = ForeignHeap.FrontOf(allocator);
        HakmemAllocator.RequireAlignment(alignment);
        void* block = ptr == null
            ? front.TryAllocAligned(byteCount, alignment)
            : front.TryRealloc(ptr, byteCount, alignment);
        ptr = block == null ? ptr : block;
        return block != null;
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
        Argument.RequireNotNull(allocator);
        Argument.RequireNotNegative(length);
        nuint bytes = ByteCount((nuint)sizeof(T), (nuint)length);
        void* pointer = zeroed ? allocator.AllocZeroed(bytes) : allocator.Alloc(bytes);
        return new NativeBuffer<T>(allocator, (T*)pointer, length);
    }

    /// <summary>Rents a buffer as <see cref="Rent{T}(HakmemAllocator, int, bool)"/> does, from any allocator. If that
    /// is not a <see cref="HakmemAllocator"/>, the first rental creates a small object, which later ones
    /// share.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="allocator">The allocator.</param>
    /// <param name="length">The number of elements, zero or more. The buffer has exactly this length.</param>
    /// <param name="zeroed">True to set all elements to zero; otherwise they are undefined.</param>
    /// <returns>The buffer.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public static NativeBuffer<T> Rent<T>(this IHakmemAllocator allocator, int length, bool zeroed = false)
        where T : unmanaged
    {
        Argument.RequireNotNull(allocator);
        return ForeignHeap.FrontOf(allocator).Rent<T>(length, zeroed);
    }

    /// <summary>Rents memory for code that takes a <see cref="Memory{T}"/>, in an owner object of its own. Dispose it,
    /// on any thread; a second disposal does nothing. Memory that is pinned then is freed by the last unpin. There is
    /// no finalizer that frees.</summary>
    /// <remarks>For many rentals use a <see cref="NativeMemoryPool{T}"/>: it counts them, can limit them and find those
    /// that were not disposed, and can reuse owners. Here each rental is one block and one small object.</remarks>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="allocator">The allocator.</param>
    /// <param name="length">The number of elements, zero or more. The memory has exactly this length.</param>
    /// <param name="alignment">The alignment in bytes: a power of two, or 0 for that of every block, 16. Below 16 it
    /// counts as 16.</param>
    /// <param name="zeroed">True to set all elements to zero; otherwise they are undefined.</param>
    /// <returns>The owner. Its <c>Memory</c> throws <see cref="ObjectDisposedException"/> after its disposal, and once
    /// it is known that the heap is disposed, which is always if that is a <see cref="HakmemAllocator"/>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is neither 0 nor a power of two.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public static IMemoryOwner<T> RentMemory<T>(
        this IHakmemAllocator allocator, int length, int alignment = 0, bool zeroed = false)
        where T : unmanaged => RentBlock<T>(allocator, length, alignment, zeroed);

    /// <summary>Rents memory as <see cref="RentMemory"/> does, for code that knows of its element type only that it is
    /// a struct, such as a library's interface. Whether the type has references is checked at the call.</summary>
    /// <typeparam name="T">The element type. No field of it, nor of its fields, may be a reference.</typeparam>
    /// <param name="allocator">The allocator.</param>
    /// <param name="length">The number of elements, zero or more. The memory has exactly this length.</param>
    /// <param name="alignment">The alignment in bytes: a power of two, or 0 for that of every block, 16. Below 16 it
    /// counts as 16.</param>
    /// <param name="zeroed">True to set all elements to zero; otherwise they are undefined.</param>
    /// <returns>The owner, as <see cref="RentMemory"/> returns it.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> has references, which the garbage collector would
    /// not see there; or <paramref name="alignment"/> is neither 0 nor a power of two.</exception>
    /// <exception cref="OutOfMemoryException">The size overflows, or there is no room.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public static IMemoryOwner<T> RentStructMemory<T>(
        this IHakmemAllocator allocator, int length, int alignment = 0, bool zeroed = false)
        where T : struct
    {
        if (RuntimeHelpers.IsReferenceOrContainsReferences<T>())
        {
            throw new ArgumentException(
                $"{Disposed.NameOf(typeof(T))} has references, so it cannot be in unmanaged memory. Use an array.");
        }

        return RentBlock<T>(allocator, length, alignment, zeroed);
    }

    // T has no references.
    private static AllocatorMemoryOwner<T> RentBlock<T>(
        IHakmemAllocator allocator, int length, int alignment, bool zeroed)
    {
        Argument.RequireNotNull(allocator);
        Argument.RequireNotNegative(length);
        if (alignment != 0 && !BitOperations.IsPow2(alignment))
        {
            throw new ArgumentException(
                $"The alignment must be 0 or a power of two, not {alignment}.", nameof(alignment));
        }

        // The owner comes first and the block second: if there is no memory for a block, the owner is only garbage.
        nuint bytes = ByteCount((nuint)Unsafe.SizeOf<T>(), (nuint)length);
        HakmemAllocator front = ForeignHeap.FrontOf(allocator);
        AllocatorMemoryOwner<T> owner = new(front, length);
        owner.Attach(NativeBlock.Allocate(front, bytes, (nuint)Math.Max(alignment, 1), zeroed));
        return owner;
    }

    // The bytes of so many elements. In a 64-bit process that does not overflow.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint BytesOf<T>(int length) => sizeof(nuint) == sizeof(ulong)
        ? (nuint)length * (nuint)Unsafe.SizeOf<T>()
        : ByteCount((nuint)Unsafe.SizeOf<T>(), (nuint)length);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nuint ByteCount(nuint elementSize, nuint count)
    {
        // A size that overflows becomes the largest size, which every allocator rejects with OutOfMemoryException.
        return count > nuint.MaxValue / elementSize ? nuint.MaxValue : count * elementSize;
    }
}
