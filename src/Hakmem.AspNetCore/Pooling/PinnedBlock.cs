using System;

namespace Hakmem.AspNetCore.Pooling;

// One block of a slab. Created with the slab, and as long in use as that is. Immutable.
internal sealed class PinnedBlock(PinnedSlab slab, int index, Memory<byte> memory)
{
    public PinnedSlab Slab => slab;

    // The block's number in its slab.
    public int Index => index;

    public Memory<byte> Memory => memory;
}
