using System;
using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Apache.Arrow.Memory;

namespace Hakmem;

/// <summary>Takes the buffers of Apache Arrow's arrays and record batches from a Hakmem allocator.</summary>
/// <remarks>
/// <para>
/// Thread-safe, and an array or batch may be disposed on any thread. A buffer is aligned and all zero, as Arrow wants
/// it. Disposing the array or batch frees its buffers; what native code still has through Arrow's C data interface is
/// freed when that releases it.
/// </para>
/// <para>
/// There is no finalizer that frees, unlike with Arrow's own allocator: an array or batch that is not disposed leaks,
/// until its heap is disposed. The allocator's statistics show it. Buffers that outlive their heap throw
/// <see cref="ObjectDisposedException"/>, and their disposal does nothing.
/// </para>
/// </remarks>
public sealed class HakmemArrowAllocator : MemoryAllocator
{
    private readonly IHakmemAllocator _allocator;

    /// <summary>Creates an allocator on <see cref="HakmemAllocator.Shared"/>.</summary>
    public HakmemArrowAllocator()
        : this(HakmemAllocator.Shared)
    {
    }

    /// <summary>Creates an allocator.</summary>
    /// <param name="allocator">Where the memory comes from: a heap, the view of a <see cref="MemoryTag"/>, or a class
    /// of your own. It must live longer than the buffers.</param>
    /// <param name="alignment">The alignment of each buffer in bytes: a power of two; 64 by default, which Arrow
    /// recommends.</param>
    /// <exception cref="ArgumentNullException"><paramref name="allocator"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="alignment"/> is not a power of two.</exception>
    public HakmemArrowAllocator(IHakmemAllocator allocator, int alignment = DefaultAlignment)
        : base(alignment)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        if (!BitOperations.IsPow2(alignment))
        {
            throw new ArgumentException($"The alignment must be a power of two, not {alignment}.", nameof(alignment));
        }

        _allocator = allocator;
    }

    /// <summary>Allocates a buffer for <see cref="MemoryAllocator.Allocate"/>, which has checked the length.</summary>
    /// <param name="length">The size in bytes, above zero.</param>
    /// <param name="bytesAllocated">The size of the block in bytes, which may be larger.</param>
    /// <returns>The owner of the buffer, whose bytes are zero.</returns>
    /// <exception cref="OutOfMemoryException">The system, address range, heap's limit or tag's limit is full.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    protected override unsafe IMemoryOwner<byte> AllocateInternal(int length, out int bytesAllocated)
    {
        IMemoryOwner<byte> owner = _allocator.RentMemory<byte>(length, Alignment, zeroed: true);

        try
        {
            // SAFETY: the block is the owner's, which nobody else has yet.
            void* block = Unsafe.AsPointer(ref MemoryMarshal.GetReference(owner.Memory.Span));
            bytesAllocated = (int)nuint.Min(_allocator.UsableSize(block), int.MaxValue);
            return owner;
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }
}
