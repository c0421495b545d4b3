using System;
using System.Buffers;
using System.Threading;

namespace Hakmem.ArrowSample;

// The owner of one block. It has no finalizer: a span of the block may live longer than anything that keeps this object.
internal sealed unsafe class HakmemArrowMemory(HakmemAllocator heap, void* block, int length) : MemoryManager<byte>
{
    // Zero once disposed. Exchanged, so that disposing twice, on any threads, frees once.
    private nint _address = (nint)block;

    public override Span<byte> GetSpan() => new((void*)Address, length);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)length, nameof(elementIndex));
        return new MemoryHandle((byte*)Address + elementIndex);
    }

    // Unmanaged memory does not move.
    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        nint address = disposing ? Interlocked.Exchange(ref _address, 0) : 0;
        if (address == 0)
        {
            return;
        }

        try
        {
            heap.Free((void*)address);
        }
        catch (ObjectDisposedException)
        {
            // The heap was disposed first and took the block with it, which is what was wanted.
        }
    }

    private nint Address
    {
        get
        {
            nint address = _address;
            ObjectDisposedException.ThrowIf(address == 0, this);
            return address;
        }
    }
}
