using System;
using System.Buffers;
using Apache.Arrow.Memory;

namespace Hakmem.ArrowSample;

// Arrow's buffers from a Hakmem heap: what Arrow asks of an allocator is memory aligned to 64 bytes, all zero, whose owner gives it back when the
// batch or array that has it is disposed. Thread-safe. A batch that is not disposed leaks, and the heap's statistics show it.
internal sealed unsafe class HakmemArrowAllocator : MemoryAllocator
{
    private readonly HakmemAllocator _heap;

    // The alignment in bytes is a power of two; Arrow's own default is 64.
    public HakmemArrowAllocator(HakmemAllocator heap, int alignment = DefaultAlignment)
        : base(alignment)
    {
        ArgumentNullException.ThrowIfNull(heap);
        _heap = heap;
    }

    protected override IMemoryOwner<byte> AllocateInternal(int length, out int bytesAllocated)
    {
        void* block = _heap.AlignedAlloc((nuint)length, (nuint)Alignment);
        new Span<byte>(block, length).Clear();
        bytesAllocated = (int)Math.Min(_heap.UsableSize(block), int.MaxValue);
        return new HakmemArrowMemory(_heap, block, length);
    }
}
