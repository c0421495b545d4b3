using System;
using System.Diagnostics;
using System.Numerics;

namespace Hakmem.AspNetCore.Pooling;

// The slabs of a store, each in a slot, and marks of the slots whose slabs have free blocks.
//
// Blocks come from the lowest slot that has a free one. So the blocks in use gather in the low slabs, and the high
// slabs become free and can be released. (Last in, first out over all slabs would keep a few blocks of each in use for
// ever.)
//
// Not thread-safe: the store's lock guards it. So nothing here allocates or throws; the caller makes room for more
// slabs outside of the lock.
internal sealed class SlabTable
{
    private const int BitsPerWord = 64;

    private Room _room = new(BitsPerWord);

    public int SlabCount { get; private set; }

    // Free blocks of all slabs.
    public int FreeBlocks { get; private set; }

    // Slabs whose blocks are all free, and the low-water mark of that since MarkLowWater.
    public int WhollyFreeSlabs { get; private set; }

    public int WhollyFreeLowWater { get; private set; }

    public void MarkLowWater() => WhollyFreeLowWater = WhollyFreeSlabs;

    // The number of slots.
    public int Capacity => _room.Slots.Length;

    private PinnedSlab?[] Slots => _room.Slots;

    private ulong[] WithFree => _room.WithFree;

    // Creates twice the present room, for a caller that does not hold the lock; see Adopt.
    public static Room MakeRoom(int capacity) => new(2 * capacity);

    // Replaces the room by a larger one. Does nothing if it is as large by now.
    public void Adopt(Room room)
    {
        if (room.Slots.Length > Capacity)
        {
            Slots.CopyTo(room.Slots, 0);
            WithFree.CopyTo(room.WithFree, 0);
            _room = room;
        }
    }

    // Precondition: a new slab, wholly free, and a free slot.
    public void Add(PinnedSlab slab)
    {
        Debug.Assert(slab.IsWhollyFree && slab.Slot < 0 && SlabCount < Capacity);
        int slot = Array.IndexOf(Slots, null);
        Slots[slot] = slab;
        slab.Slot = slot;
        SlabCount++;
        FreeBlocks += PinnedSlab.BlockCount;
        WhollyFreeSlabs++;
        WithFree[slot / BitsPerWord] |= Bit(slot);
    }

    // Precondition: there is a free block.
    public PinnedBlock Take()
    {
        Debug.Assert(FreeBlocks > 0);
        PinnedBlock block = null!;
        Take(new Span<PinnedBlock>(ref block));
        return block;
    }

    // Fills the destination as far as there are free blocks. Returns how many it took.
    public int Take(Span<PinnedBlock> destination)
    {
        int taken = 0;
        for (int word = 0; word < WithFree.Length && taken < destination.Length; word++)
        {
            while (WithFree[word] != 0 && taken < destination.Length)
            {
                PinnedSlab slab = Slots[(word * BitsPerWord) + BitOperations.TrailingZeroCount(WithFree[word])]!;
                WhollyFreeSlabs -= slab.IsWhollyFree ? 1 : 0;
                while (!slab.IsWhollyTaken && taken < destination.Length)
                {
                    destination[taken++] = slab.Take();
                }

                if (slab.IsWhollyTaken)
                {
                    WithFree[word] &= ~Bit(slab.Slot);
                }
            }
        }

        FreeBlocks -= taken;
        WhollyFreeLowWater = Math.Min(WhollyFreeLowWater, WhollyFreeSlabs);
        return taken;
    }

    // Precondition: not a single block.
    public void Put(PinnedBlock block)
    {
        PinnedSlab slab = block.Slab!;
        slab.Put(block);
        FreeBlocks++;
        WhollyFreeSlabs += slab.IsWhollyFree ? 1 : 0;
        WithFree[slab.Slot / BitsPerWord] |= Bit(slab.Slot);
    }

    // Releases up to so many wholly free slabs, the highest first, and puts them in front of a list. Returns how many.
    public int Release(int most, ref PinnedSlab? released)
    {
        int count = 0;
        for (int slot = Slots.Length - 1; slot >= 0 && count < most && WhollyFreeSlabs > 0; slot--)
        {
            if (Slots[slot] is { IsWhollyFree: true } slab)
            {
                Remove(slab);
                slab.NextReleased = released;
                released = slab;
                count++;
            }
        }

        WhollyFreeLowWater = Math.Min(WhollyFreeLowWater, WhollyFreeSlabs);
        return count;
    }

    // Counts everything again. Returns null or the rule that does not hold, for the caller to throw outside of the
    // lock. For tests.
    public string? FindBrokenRule()
    {
        int slabs = 0;
        int free = 0;
        int whollyFree = 0;
        for (int slot = 0; slot < Slots.Length; slot++)
        {
            PinnedSlab? slab = Slots[slot];
            bool isMarked = (WithFree[slot / BitsPerWord] & Bit(slot)) != 0;
            if (isMarked != slab is { FreeCount: > 0 })
            {
                return "a slot's mark says whether its slab has free blocks";
            }

            if (slab is not null)
            {
                slabs++;
                free += slab.FreeCount;
                whollyFree += slab.IsWhollyFree ? 1 : 0;
                if (slab.Slot != slot)
                {
                    return "a slab knows its slot";
                }
            }
        }

        bool isCountRight = slabs == SlabCount && free == FreeBlocks && whollyFree == WhollyFreeSlabs;
        return !isCountRight ? "the counts are those of the slabs"
            : WhollyFreeLowWater > WhollyFreeSlabs ? "the low-water mark is not above the level"
            : null;
    }

    private void Remove(PinnedSlab slab)
    {
        Slots[slab.Slot] = null;
        WithFree[slab.Slot / BitsPerWord] &= ~Bit(slab.Slot);
        slab.Slot = -1;
        SlabCount--;
        FreeBlocks -= PinnedSlab.BlockCount;
        WhollyFreeSlabs--;
    }

    private static ulong Bit(int slot) => 1UL << (slot % BitsPerWord);

    // Slots for slabs, and a mark for each slot.
    internal sealed class Room(int slots)
    {
        public PinnedSlab?[] Slots { get; } = new PinnedSlab?[slots];

            // Bit s of all words together is set if the slab in slot s has a free block.
        public ulong[] WithFree { get; } = new ulong[slots / BitsPerWord];
    }
}
