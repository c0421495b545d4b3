using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using SixLabors.ImageSharp.Memory;

namespace Hakmem;

/// <summary>Takes the buffers of ImageSharp's images and operations from a Hakmem allocator. Set it as the
/// <c>MemoryAllocator</c> of an ImageSharp <c>Configuration</c>.</summary>
/// <remarks>
/// <para>
/// Thread-safe, and an image may be disposed on any thread. An image of up to 1 GiB is in one piece of memory.
/// Elements that have references, which no codec of ImageSharp uses, are in managed arrays.
/// </para>
/// <para>
/// There is no finalizer that frees, unlike with ImageSharp's own allocator: an image that is not disposed leaks, until
/// its heap is disposed. Do not dispose an image while another thread reads its pixels. Memory that outlives its heap
/// throws <see cref="ObjectDisposedException"/>, and its disposal does nothing.
/// </para>
/// </remarks>
public sealed class HakmemImageSharpAllocator : MemoryAllocator
{
    // ImageSharp's own limit for one buffer, and its own for an image is four times as much.
    private const int MaxBufferBytes = 1 << 30;

    private readonly IHakmemAllocator _allocator;
    private readonly int _maxAllocationBytes;

    /// <summary>Creates an allocator on <see cref="HakmemAllocator.Shared"/>.</summary>
    public HakmemImageSharpAllocator()
        : this(HakmemAllocator.Shared)
    {
    }

    /// <summary>Creates an allocator.</summary>
    /// <param name="allocator">Where the memory comes from: a heap, the view of a <see cref="MemoryTag"/>, or a class
    /// of your own. It must live longer than the images.</param>
    /// <param name="maxAllocationBytes">The most bytes of one image frame or working buffer: from 1 to 1 GiB, or zero,
    /// the default, for the limits that ImageSharp has: 1 GiB for a working buffer and 4 GiB for a frame. A limit
    /// refuses a small file that claims a giant image.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxAllocationBytes"/> is out of its range.
    /// </exception>
    public HakmemImageSharpAllocator(IHakmemAllocator allocator, long maxAllocationBytes = 0)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        ArgumentOutOfRangeException.ThrowIfNegative(maxAllocationBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxAllocationBytes, MaxBufferBytes);
        _allocator = allocator;
        _maxAllocationBytes = (int)maxAllocationBytes;
    }

    /// <summary>Allocates a buffer.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="length">The number of elements, from zero.</param>
    /// <param name="options">Whether all elements are set to zero; otherwise they are undefined.</param>
    /// <returns>The owner of the buffer. A second disposal does nothing.</returns>
    /// <exception cref="InvalidMemoryOperationException">The length is negative; the buffer would exceed the limit or
    /// 1 GiB; or there is no room in the system, the address range, the heap's limit or the tag's.</exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public override IMemoryOwner<T> Allocate<T>(int length, AllocationOptions options = AllocationOptions.None)
    {
        if (length < 0)
        {
            throw new InvalidMemoryOperationException($"A buffer cannot have {length} elements.");
        }

        long bytes = (long)length * Unsafe.SizeOf<T>();
        long limit = _maxAllocationBytes == 0 ? MaxBufferBytes : _maxAllocationBytes;
        if (bytes > limit)
        {
            throw new InvalidMemoryOperationException(
                $"A buffer of {bytes} bytes exceeds the limit of {limit} bytes for one allocation.");
        }

        if (RuntimeHelpers.IsReferenceOrContainsReferences<T>())
        {
            return new ManagedMemoryOwner<T>(new T[length]);
        }

        try
        {
            int slack = (SlackMemoryOwner<T>.SlackBytes + Unsafe.SizeOf<T>() - 1) / Unsafe.SizeOf<T>();
            bool isClean = (options & AllocationOptions.Clean) != 0;
            return new SlackMemoryOwner<T>(_allocator.RentStructMemory<T>(length + slack, zeroed: isClean), length);
        }
        catch (OutOfMemoryException full)
        {
            // ImageSharp's decoders turn this into an exception that says which image it was.
            throw new InvalidMemoryOperationException(full.Message);
        }
    }

    /// <summary>Returns unused memory of the allocator to the operating system, as
    /// <see cref="IHakmemAllocator.Trim"/> does.</summary>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    public override void ReleaseRetainedResources() => _allocator.Trim();

    /// <summary>Returns how large one piece of an image can be.</summary>
    /// <returns>1 GiB, or more where <c>maxAllocationBytes</c> limits an image to less.</returns>
    // ImageSharp asks for an image in pieces of about this size. With a limit each piece must exceed it if the image
    // does: rows are whole, so that a piece has more than half of this.
    protected override int GetBufferCapacityInBytes() => _maxAllocationBytes == 0 ? MaxBufferBytes : int.MaxValue;
}
