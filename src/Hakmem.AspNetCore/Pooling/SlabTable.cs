using System;
using System.Diagnostics;
using System.Numerics;

namespace Hakmem.AspNetCore.Pooling;

// The slabs of a store, each in a slot, and which of them have free blocks.
//
// Blocks come from the lowest slot that has any: what is in use gathers in the low slabs, the high ones fall free and can be
// given up. (Last-in-first-out over all slabs would keep a few blocks of each in use for ever.)
//
// Not thread-safe: the store's lock guards it. So nothing here allocates or throws: room for more slabs is made by the
// caller, outside the lock.
internal sealed class SlabTable
{
    private const int BitsPerWord = 64;

    private Room _room = new(BitsPerWord);

    public int SlabCount { get; private set; }

    // Free blocks over all slabs.
    public int FreeBlocks { get; private set; }

    // Slabs whose blocks are all free, and the fewest of them that there have been since MarkLowWater.
    public int WhollyFreeSlabs { get; private set; }

    public int WhollyFreeLowWater { get; private set; }

    public void MarkLowWater() => WhollyFreeLowWater = WhollyFreeSlabs;

    // How many slabs there is room for.
    public int Capacity => _room.Slots.Length;

    private PinnedSlab?[] Slots => _room.Slots;

    private ulong[] WithFree => _room.WithFree;

    // Twice the room there is. For a caller that does not have the lock; see Adopt.
    public static Room MakeRoom(int capacity) => new(2 * capacity);

    // Goes over to a larger room, in the place of the one there is. Does nothing if that is as large by now.
    public void Adopt(Room room)
    {
        if (room.Slots.Length > Capacity)
        {
            Slots.CopyTo(room.Slots, 0);
            WithFree.CopyTo(room.WithFree, 0);
            _room = room;
        }
    }

    // Precondition: a new slab, wholly free, and room for it.
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

    // Fills as much of the destination as there are free blocks for. Returns how many.
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

    public void Put(PinnedBlock block)
    {
        PinnedSlab slab = block.Slab;
        slab.Put(block);
        FreeBlocks++;
        WhollyFreeSlabs += slab.IsWhollyFree ? 1 : 0;
        WithFree[slab.Slot / BitsPerWord] |= Bit(slab.Slot);
    }

    // Drops up to so many wholly free slabs, the highest first, and puts them in front of a list of such. Returns how
    // many.
    public int Evict(int most, ref PinnedSlab? dropped)
    {
        int evicted = 0;
        for (int slot = Slots.Length - 1; slot >= 0 && evicted < most && WhollyFreeSlabs > 0; slot--)
        {
            if (Slots[slot] is { IsWhollyFree: true } slab)
            {
                Remove(slab);
                slab.NextDropped = dropped;
                dropped = slab;
                evicted++;
            }
        }

        WhollyFreeLowWater = Math.Min(WhollyFreeLowWater, WhollyFreeSlabs);
        return evicted;
    }

    // Counts everything again. Null, or the rule that does not hold: for the caller to throw, outside the lock. For
    // tests.
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

        return slabs != SlabCount || free != FreeBlocks || whollyFree != WhollyFreeSlabs ? "the counts are those of the slabs"
            : WhollyFreeLowWater > WhollyFreeSlabs ? "the low water is not above the level"
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

    // Slots for slabs, and a mark for each.
    internal sealed class Room(int slots)
    {
        public PinnedSlab?[] Slots { get; } = new PinnedSlab?[slots];

        // Bit s of the whole: the slab in slot s has a free block.
        public ulong[] WithFree { get; } = new ulong[slots / BitsPerWord];
    }
}
