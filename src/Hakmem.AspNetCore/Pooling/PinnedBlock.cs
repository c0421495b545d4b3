using System;
using System.Runtime.InteropServices;

namespace Hakmem.AspNetCore.Pooling;

// One block of a slab, created with the slab and as long in use as that is; or a single one, beyond the limit, which is
// rented once and then garbage. Immutable.
internal sealed class PinnedBlock(PinnedSlab? slab, int index, Memory<byte> memory)
{
    // Null for a single block.
    public PinnedSlab? Slab => slab;

    // The block's number in its slab.
    public int Index => index;

    public Memory<byte> Memory => memory;

    // It is pinned too: renters of this pool may rely on addresses that stay.
    public static PinnedBlock CreateSingle()
    {
        byte[] array = PinnedArray.Allocate(PinnedSlab.BlockBytes, out int start);
        return new PinnedBlock(null, 0, MemoryMarshal.CreateFromPinnedArray(array, start, PinnedSlab.BlockBytes));
    }
}
