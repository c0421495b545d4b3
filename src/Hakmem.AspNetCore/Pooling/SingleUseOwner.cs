using System;
using System.Buffers;
using System.Threading;

namespace Hakmem.AspNetCore.Pooling;

// An owner object of one rental, for pools that do not recycle them: whatever its renter does with it later can only concern this rental.
internal sealed class SingleUseOwner(PinnedBlock block) : IMemoryOwner<byte>
{
    // Null once disposed. Exchanged (full fence) by Dispose on any thread, so that racing disposals return the block once.
    private PinnedBlock? _block = block;

    public Memory<byte> Memory
    {
        get
        {
            PinnedBlock? block = _block;
            ObjectDisposedException.ThrowIf(block is null, typeof(IMemoryOwner<byte>));
            return block.Memory;
        }
    }

    public void Dispose() => Interlocked.Exchange(ref _block, null)?.Dispose();
}
