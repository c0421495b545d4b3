using System;
using System.Buffers;
using System.Threading;

namespace Hakmem.AspNetCore.Pooling;

// A rental of a block: a new object for each, or one that is used again where owners are recycled (see OwnerCache).
internal sealed class PinnedMemoryOwner(PinnedBlockStore store) : IMemoryOwner<byte>
{
    // The block, or null while not rented. Written by the renting thread before it hands the owner out. Exchanged (full
    // fence) by Dispose on any thread, so that of racing disposals one returns the block.
    private PinnedBlock? _block;

    public Memory<byte> Memory
    {
        get
        {
            PinnedBlock? block = _block;
            ObjectDisposedException.ThrowIf(block is null, typeof(IMemoryOwner<byte>));
            return block.Memory;
        }
    }

    // Begins a rental.
    public void Attach(PinnedBlock block) => _block = block;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _block, null) is { } block)
        {
            store.Return(this, block);
        }
        else
        {
            store.Owners.CountLateDispose();
        }
    }
}
