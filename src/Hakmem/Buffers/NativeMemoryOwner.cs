using System;
using System.Buffers;
using System.Threading;

namespace Hakmem;

// One rental of a NativeMemoryPool: a fresh object each time, so that its Dispose can only ever free its own block.
internal sealed unsafe class NativeMemoryOwner : MemoryManager<byte>
{
    private readonly HakmemAllocator _allocator;
    private readonly int _length;

    // The block, or zero once disposed. Exchanged (full fence) by Dispose on any thread, so that racing disposals free once;
    // read plainly by the renter, whose own business it is not to use a buffer on one thread while another disposes it.
    private nint _address;

    internal NativeMemoryOwner(HakmemAllocator allocator, byte* pointer, int length)
    {
        _allocator = allocator;
        _address = (nint)pointer;
        _length = length;
    }

    public override Memory<byte> Memory
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address == 0, typeof(IMemoryOwner<byte>));
            return CreateMemory(_length);
        }
    }

    public override Span<byte> GetSpan()
    {
        nint address = _address;
        ObjectDisposedException.ThrowIf(address == 0, typeof(IMemoryOwner<byte>));
        return new Span<byte>((void*)address, _length);
    }

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        nint address = _address;
        ObjectDisposedException.ThrowIf(address == 0, typeof(IMemoryOwner<byte>));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
        return new MemoryHandle((byte*)address + elementIndex);
    }

    // Unmanaged memory does not move: there is nothing to release.
    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        nint address = disposing ? Interlocked.Exchange(ref _address, 0) : 0;
        if (address != 0)
        {
            _allocator.Free((void*)address);
        }
    }
}
