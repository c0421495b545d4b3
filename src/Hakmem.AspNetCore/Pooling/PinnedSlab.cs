using System;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Hakmem.AspNetCore.Pooling;

// 32 blocks of 4096 bytes in one array on the pinned object heap, and which of them are free.
//
// Kestrel's sockets need arrays (a send of several segments takes ArraySegment<byte>), and the kernel writes into them while a receive
// is under way, so they must not move: arrays on the pinned heap are both, at no cost for each operation. One array for many blocks,
// because a block of its own costs an allocation each, and 32, because a mask of them is one machine word and a small service then
// holds 128 KiB, not more. The price: a slab goes back to the garbage collector only when all of its blocks are free, which is why
// SlabTable fills the lowest slabs first.
//
// Not thread-safe: the store's lock guards it. An array is only ever dropped when every block is free; a block that its renter has
// lost stays taken for ever, and so nobody is given bytes that a forgotten span can still reach.
internal sealed class PinnedSlab
{
    public const int BlockBytes = 4096;
    public const int BlockCount = 32;
    public const int Bytes = BlockBytes * BlockCount;

    // Blocks start on cache lines, so that two connections do not write to one. Managed arrays are only aligned to 8.
    private const int AlignmentBytes = 64;
    private const int ArrayBytes = Bytes + AlignmentBytes - 1;
    private const uint AllFree = uint.MaxValue;

    // For each block the face that the next rental gets. Current for free blocks only.
    private readonly PinnedBlock[] _blocks = new PinnedBlock[BlockCount];

    private readonly byte[] _array;

    // Bit i: block i is free in this slab, that is neither rented nor in a thread's cache.
    private uint _free = AllFree;

    public unsafe PinnedSlab(PinnedBlockStore store)
    {
        _array = GC.AllocateUninitializedArray<byte>(ArrayBytes, pinned: true);

        // SAFETY: only a number is made of the address, and the array is pinned for its life.
        nuint address = (nuint)(nint)Marshal.UnsafeAddrOfPinnedArrayElement(_array, 0);
        int start = (int)((0 - address) & (AlignmentBytes - 1));
        for (int i = 0; i < BlockCount; i++)
        {
            Memory<byte> memory = MemoryMarshal.CreateFromPinnedArray(_array, start + (i * BlockBytes), BlockBytes);
            _blocks[i] = new PinnedBlock(store, this, i, memory);
        }
    }

    // Where the table keeps it; -1 while it is in none.
    public int Slot { get; set; } = -1;

    // The next one of those that the table has dropped together.
    public PinnedSlab? NextDropped { get; set; }

    public int FreeCount => BitOperations.PopCount(_free);

    public bool IsWhollyFree => _free == AllFree;

    public bool IsWhollyTaken => _free == 0;

    // For whoever dropped it, under no lock: every block is free, and will not be taken again.
    public void DiscardPages()
    {
        Debug.Assert(IsWhollyFree && Slot < 0);
        DroppedPages.Discard(_array);
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
        Debug.Assert(block.Slab == this && (_free & bit) == 0, "A block came back twice: its faces let a second disposal through.");
        _blocks[block.Index] = block;
        _free |= bit;
    }
}
