using System;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Hakmem.AspNetCore.Pooling;

// 32 blocks of 4096 bytes in one array on the pinned object heap, and which of them are free.
//
// Kestrel's sockets need arrays, because a send of several segments takes ArraySegment<byte>. The kernel writes into
// them while a receive is in progress, so they must not move. Arrays on the pinned object heap satisfy both, without a
// cost for each operation. One array has many blocks, because an array for each block costs an allocation each. It has
// 32, because a mask of them is one machine word, and a small service then holds only 128 KiB. The price: a slab goes
// back to the garbage collector only when all of its blocks are free, which is why SlabTable fills the lowest slabs
// first.
//
// Not thread-safe: the store's lock guards it. An array is dropped only when every block is free. A block whose owner
// was dropped stays taken, so that nobody gets bytes that a forgotten span can still reach.
internal sealed class PinnedSlab
{
    public const int BlockBytes = 4096;
    public const int BlockCount = 32;
    public const int Bytes = BlockBytes * BlockCount;

    private const uint AllFree = uint.MaxValue;

    private readonly PinnedBlock[] _blocks = new PinnedBlock[BlockCount];
    private readonly byte[] _array;

    // Bit i is set while block i is free in this slab: neither rented nor in a thread's cache.
    private uint _free = AllFree;

    public PinnedSlab()
    {
        _array = PinnedArray.Allocate(Bytes, out int start);
        for (int i = 0; i < BlockCount; i++)
        {
            Memory<byte> memory = MemoryMarshal.CreateFromPinnedArray(_array, start + (i * BlockBytes), BlockBytes);
            _blocks[i] = new PinnedBlock(this, i, memory);
        }
    }

    // Its slot in the table; -1 while it is in none.
    public int Slot { get; set; } = -1;

    // The next of the slabs that the table has released together.
    public PinnedSlab? NextReleased { get; set; }

    public int FreeCount => BitOperations.PopCount(_free);

    public bool IsWhollyFree => _free == AllFree;

    public bool IsWhollyTaken => _free == 0;

    // For a caller that has released the slab, under no lock: every block is free and will not be taken again.
    public void PurgePages()
    {
        Debug.Assert(IsWhollyFree && Slot < 0);
        ArrayPages.Purge(_array);
    }

    // Precondition: not wholly taken.
    public PinnedBlock Take()
    {
        Debug.Assert(!IsWhollyTaken);
        int index = BitOperations.TrailingZeroCount(_free);
        _free &= _free - 1;
        return _blocks[index];
    }

    public void Put(PinnedBlock block)
    {
        uint bit = 1u << block.Index;
        Debug.Assert(block.Slab == this && (_free & bit) == 0, "A block came back twice: an owner returned it twice.");
        _free |= bit;
    }
}
