using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Numerics;

namespace Hakmem.AspNetCore.Pooling;

// The slabs of a store, each in a slot, and which of them have free blocks.
//
// Blocks come from the lowest slot that has any: what is in use gathers in the low slabs, the high ones fall free and can be
// given up. (Last-in-first-out over all slabs would keep a few blocks of each in use for ever.) Not thread-safe: the store's lock guards it.
internal sealed class SlabTable
{
    private const int BitsPerWord = 64;

    private readonly List<PinnedSlab?> _slots = [];

    // Bit s of the whole: the slab in slot s has a free block.
    private readonly List<ulong> _withFree = [];

    public int SlabCount { get; private set; }

    // Free blocks over all slabs.
    public int FreeBlocks { get; private set; }

    // Slabs whose blocks are all free, and the fewest of them that there have been since MarkLowWater.
    public int WhollyFreeSlabs { get; private set; }

    public int WhollyFreeLowWater { get; private set; }

    public void MarkLowWater() => WhollyFreeLowWater = WhollyFreeSlabs;

    // Precondition: a new slab, wholly free.
    public void Add(PinnedSlab slab)
    {
        Debug.Assert(slab.IsWhollyFree && slab.Slot < 0);
        int slot = _slots.IndexOf(null);
        if (slot < 0)
        {
            slot = _slots.Count;
            _slots.Add(null);
            if (_withFree.Count * BitsPerWord <= slot)
            {
                _withFree.Add(0);
            }
        }

        _slots[slot] = slab;
        slab.Slot = slot;
        SlabCount++;
        FreeBlocks += PinnedSlab.BlockCount;
        WhollyFreeSlabs++;
        _withFree[slot / BitsPerWord] |= Bit(slot);
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
        for (int word = 0; word < _withFree.Count && taken < destination.Length; word++)
        {
            while (_withFree[word] != 0 && taken < destination.Length)
            {
                PinnedSlab slab = _slots[(word * BitsPerWord) + BitOperations.TrailingZeroCount(_withFree[word])]!;
                WhollyFreeSlabs -= slab.IsWhollyFree ? 1 : 0;
                while (!slab.IsWhollyTaken && taken < destination.Length)
                {
                    destination[taken++] = slab.Take();
                }

                if (slab.IsWhollyTaken)
                {
                    _withFree[word] &= ~Bit(slab.Slot);
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
        _withFree[slab.Slot / BitsPerWord] |= Bit(slab.Slot);
    }

    // Drops up to so many wholly free slabs, the highest first. Returns how many.
    public int Evict(int most)
    {
        int evicted = 0;
        for (int slot = _slots.Count - 1; slot >= 0 && evicted < most && WhollyFreeSlabs > 0; slot--)
        {
            if (_slots[slot] is { IsWhollyFree: true } slab)
            {
                Remove(slab);
                evicted++;
            }
        }

        WhollyFreeLowWater = Math.Min(WhollyFreeLowWater, WhollyFreeSlabs);
        return evicted;
    }

    // Counts everything again. For tests, and for the store's own checks in debug builds.
    public void CheckInvariants()
    {
        int slabs = 0;
        int free = 0;
        int whollyFree = 0;
        for (int slot = 0; slot < _slots.Count; slot++)
        {
            PinnedSlab? slab = _slots[slot];
            bool isMarked = (_withFree[slot / BitsPerWord] & Bit(slot)) != 0;
            Require(isMarked == (slab is { FreeCount: > 0 }), "a slot's mark says whether its slab has free blocks");
            if (slab is not null)
            {
                Require(slab.Slot == slot, "a slab knows its slot");
                slabs++;
                free += slab.FreeCount;
                whollyFree += slab.IsWhollyFree ? 1 : 0;
            }
        }

        Require(slabs == SlabCount && free == FreeBlocks && whollyFree == WhollyFreeSlabs, "the counts are those of the slabs");
        Require(WhollyFreeLowWater <= WhollyFreeSlabs, "the low water is not above the level");
    }

    private void Remove(PinnedSlab slab)
    {
        _slots[slab.Slot] = null;
        _withFree[slab.Slot / BitsPerWord] &= ~Bit(slab.Slot);
        slab.Slot = -1;
        SlabCount--;
        FreeBlocks -= PinnedSlab.BlockCount;
        WhollyFreeSlabs--;
    }

    private static ulong Bit(int slot) => 1UL << (slot % BitsPerWord);

    private static void Require(bool holds, string rule)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"An invariant of the slab table is broken: {rule}.");
        }
    }
}
