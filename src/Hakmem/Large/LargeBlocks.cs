using System;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Large;

// Blocks that no size class serves: runs of whole SuperSlabs above 1 MiB, and growable runs of units, which Realloc moves a growing block
// to so that the next steps happen in place.
//
//   Realloc grows a block above GrowableBytes:   size class --copy--> units with room behind them
//   ... further:                                 units taken behind it, up to a SuperSlab
//   ... further:                                 the SuperSlab becomes a run, and takes SuperSlabs behind it
//   ... with something in the way:               a new run, to which the pages are moved (or bytes copied)
//
// So a buffer that grows by steps is copied while it is small, and then seldom. Room that is not used costs address
// space, not memory. Thread-safe, for one and the same block as well, where two threads that free or resize it are a
// bug of the program's: each member asks under the SuperSlab lock whether the block is there, in the step in which it
// changes it. What takes longer than a lock may be held, copying the block's bytes or moving its pages, is done by a
// thread that has a hold of it (IsHeld in the records). Others find the block there, but can neither free nor resize
// it.
internal sealed unsafe class LargeBlocks(Arena arena, SuperSlabCache superSlabs, UnitAllocator units, RunAllocator runs)
{
    // Below this a copy is cheaper than a unit run's bookkeeping and rounding.
    public const nuint GrowableBytes = 64 << 10;

    // A run from which this many SuperSlabs must be kept is moved by pages; a smaller one is copied.
    private const int MinMoveSlabs = 2;

    // A run of SuperSlabs for byteCount bytes; null if memory is out.
    public void* TryAllocateRun(nuint byteCount, nuint alignment, bool isZeroed)
    {
        int alignmentSlabs = (int)Math.Max(1, alignment >> Geometry.SlabShift);
        if (byteCount > (nuint)arena.ReservedBytes || (ulong)alignment > Geometry.MaxArenaBytes ||
            !runs.TryAllocate(SlabsFor(byteCount), alignmentSlabs, out int head))
        {
            return null;
        }

        // Who asks for an alignment beyond a block's usual one gets the start, which has any alignment up to the run's.
        int offset = alignment > Geometry.MinAlignment
            ? 0
            : RunColor.OffsetFor(head, (nuint)SlabsFor(byteCount) << Geometry.SlabShift, byteCount);
        if (isZeroed)
        {
            runs.Clear(head, byteCount + (nuint)offset);
        }

        runs.HandOut(head, offset);
        return arena.AddressOfSlab(head) + offset;
    }

    // A run of units with room to grow, for GrowableBytes to a SuperSlab; null if memory is out.
    public void* TryAllocateGrowable(nuint byteCount)
    {
        return units.TryAllocateRun(UnitsFor(byteCount), out int unit) ? arena.AddressOfUnit(unit) : null;
    }

    // What is at an address inside the arena: the run around it, if it is one of this heap's. Nothing of a block that
    // was found must be believed later but by way of the members below, which ask again.
    public BlockPlace Find(void* address)
    {
        using (superSlabs.SyncRoot.Enter())
        {
            return FindLocked(address);
        }
    }

    // False if the block that begins at an address is not there any more, or another thread has a hold of it.
    public bool TryFree(BlockInfo block, void* address) => block.Kind == BlockKind.SlabRun
        ? runs.TryFree(block.First, (byte*)address)
        : units.TryFreeRun(block.First);

    // Resizes the block that begins at an address without moving it, growing or shrinking, as far as neighbours allow.
    // Without room, a run of units may have become a run of SuperSlabs.
    public ResizeResult TryResizeInPlace(BlockInfo block, void* address, nuint byteCount)
    {
        nuint least = block.Kind == BlockKind.SlabRun ? SizeClass.MaxBytes : GrowableBytes;
        if (byteCount <= least || byteCount > (nuint)arena.ReservedBytes)
        {
            return ResizeResult.NoRoom;
        }

        if (block.Kind == BlockKind.SlabRun)
        {
            nuint offset = (nuint)address - (nuint)arena.AddressOfSlab(block.First);
            return runs.TryResize(block.First, (byte*)address, SlabsFor(byteCount + offset));
        }

        if (byteCount <= Geometry.SlabBytes)
        {
            return units.TryResizeRun(block.First, UnitsFor(byteCount));
        }

        return block.First % Geometry.UnitsPerSlab == 0
            ? runs.TryAdopt(block.First >> Geometry.UnitsPerSlabShift, units, SlabsFor(byteCount))
            : ResizeResult.NoRoom;
    }

    // Takes hold of the block that begins at an address, which is given as it is then. False if it is not there any
    // more, or another thread has.
    public bool TryHold(void* address, out BlockInfo block)
    {
        using (superSlabs.SyncRoot.Enter())
        {
            BlockPlace place = FindLocked(address);
            block = place.Block;
            if (place.Kind != PlaceKind.Found || place.Begin != (nuint)address)
            {
                return false;
            }

            ref bool isHeld = ref HoldOf(block);
            bool isFree = !isHeld;
            isHeld = true;
            return isFree;
        }
    }

    // Ends a hold; the block is the program's again.
    public void Unhold(BlockInfo block)
    {
        using (superSlabs.SyncRoot.Enter())
        {
            HoldOf(block) = false;
        }
    }

    // Frees a block that the caller has a hold of.
    public void FreeHeld(BlockInfo block)
    {
        if (block.Kind == BlockKind.SlabRun)
        {
            runs.Free(block.First);
        }
        else
        {
            units.FreeRun(block.First);
        }
    }

    // Takes over the contents of a run that the caller has a hold of, by moving its pages into a new one, and frees it;
    // null, and the caller still has it, if that does not work here.
    public void* TryMoveRun(BlockInfo block, nuint byteCount)
    {
        int count = block.Kind == BlockKind.SlabRun ? arena.Slab(block.First)->RunSlabs : 0;
        if (count < MinMoveSlabs || byteCount <= block.Bytes || byteCount > (nuint)arena.ReservedBytes)
        {
            return null;
        }

        // Pages are moved whole, so the block begins where it began.
        int offset = arena.Slab(block.First)->RunOffsetBytes;
        if (!runs.TryAllocate(SlabsFor(byteCount + (nuint)offset), alignmentSlabs: 1, out int to) || !runs.TryMovePages(block.First, to, count))
        {
            // No memory; or not one kernel mapping, or an old kernel: the caller copies.
            return null;
        }

        runs.Free(block.First);
        runs.HandOut(to, offset);
        return arena.AddressOfSlab(to) + offset;
    }

    private static int SlabsFor(nuint byteCount) => (int)((Math.Max(byteCount, 1) + Geometry.SlabBytes - 1) >> Geometry.SlabShift);

    private static int UnitsFor(nuint byteCount) => (int)((byteCount + Geometry.UnitBytes - 1) >> Geometry.UnitShift);

    private BlockPlace FindLocked(void* address)
    {
        int unit = arena.UnitOf((nuint)address);
        int slab = unit >> Geometry.UnitsPerSlabShift;
        DecodedEntry entry = PageMapEntry.Decode(*arena.EntryOf(unit));
        if (!superSlabs.IsOwned(slab))
        {
            // Advice only: it is another heap's, if anyone's, and so are its records.
            bool isTaken = entry.Kind != EntryKind.None || arena.Slab(slab)->State is SuperSlabState.RunHead or SuperSlabState.RunBody;
            return new BlockPlace(isTaken ? PlaceKind.OtherHeap : PlaceKind.NotThere, default, 0);
        }

        // A span or a guarded range has come there since the caller looked.
        return entry.Kind switch
        {
            EntryKind.None => FindSlabRun(slab),
            EntryKind.UnitRun => FindUnitRun(arena.UnitOf(entry.Address)),
            EntryKind.Span or EntryKind.Guarded => default,
        };
    }

    private BlockPlace FindUnitRun(int unit)
    {
        nuint bytes = (nuint)arena.Span(unit)->UnitCount << Geometry.UnitShift;
        return new BlockPlace(PlaceKind.Found, new BlockInfo(BlockKind.UnitRun, unit, 0, 0, bytes), (nuint)arena.AddressOfUnit(unit));
    }

    private BlockPlace FindSlabRun(int slab)
    {
        if (arena.Slab(slab)->State is not (SuperSlabState.RunHead or SuperSlabState.RunBody))
        {
            return default;
        }

        int head = arena.Slab(slab)->RunHead;
        nuint offset = (nuint)arena.Slab(head)->RunOffsetBytes;
        nuint bytes = ((nuint)arena.Slab(head)->RunSlabs << Geometry.SlabShift) - offset;
        return new BlockPlace(PlaceKind.Found, new BlockInfo(BlockKind.SlabRun, head, 0, 0, bytes), (nuint)arena.AddressOfSlab(head) + offset);
    }

    private ref bool HoldOf(BlockInfo block) =>
        ref block.Kind == BlockKind.SlabRun ? ref arena.Slab(block.First)->IsHeld : ref arena.Span(block.First)->IsHeld;
}
