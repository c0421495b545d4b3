using System;
using System.Buffers;
using System.Threading;
using Apache.Arrow.Memory;

namespace Hakmem.TraceRecording;

/// <summary>Arrow's buffers from an allocator of blocks.</summary>
internal sealed unsafe class RecordedArrowAllocator(IHakmemAllocator inner) : MemoryAllocator
{
    protected override IMemoryOwner<byte> AllocateInternal(int length, out int bytesAllocated)
    {
        // Arrow asks for zeros.
        void* block = inner.AlignedAlloc((nuint)length, (nuint)Alignment);
        new Span<byte>(block, length).Clear();
        bytesAllocated = length;
        return new Buffer(inner, block, length);
    }

    private sealed class Buffer(IHakmemAllocator inner, void* block, int length) : MemoryManager<byte>
    {
        // Zero once disposed.
        private nint _address = (nint)block;

        public override Span<byte> GetSpan() => new((void*)_address, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new((byte*)_address + elementIndex);

        // Unmanaged memory does not move.
        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
            nint address = Interlocked.Exchange(ref _address, 0);
            if (address != 0)
            {
                inner.Free((void*)address);
            }
        }
    }
}
