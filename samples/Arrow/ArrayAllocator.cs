using System;
using System.Buffers;
using Apache.Arrow.Memory;

namespace Hakmem.ArrowSample;

// The managed way: a new array for each of Arrow's buffers, which the garbage collector takes back.
internal sealed class ArrayAllocator : MemoryAllocator
{
    protected override IMemoryOwner<byte> AllocateInternal(int length, out int bytesAllocated)
    {
        bytesAllocated = length;
        return new ArrayOwner(new byte[length]);
    }

    private sealed class ArrayOwner(byte[] array) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = array;

        public void Dispose()
        {
        }
    }
}
