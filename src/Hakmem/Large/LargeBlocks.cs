using System;
using System.Diagnostics;
using System.Globalization;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Large;

// Blocks that no size class serves: runs of whole SuperSlabs above 1 MiB, and growable unit runs, to which Realloc
// moves a growing block so that its next steps happen in place.
//
//   Realloc grows a block above GrowableBytes:   size class --copy--> unit run with room behind it
//   ... further:                                 takes units behind it, up to a SuperSlab
//   ... further:                                 the SuperSlab becomes a run, and takes SuperSlabs behind it
//   ... without room behind it:                  moves its pages to a new run (or copies its bytes)
//
// A growing buffer is therefore copied while it is small, and seldom after that. Unused room costs address space only.
//
// Thread-safe, also for two threads that free or resize the same block, which is a bug of the program: each member
// checks that the block exists in the step that changes it, under the SuperSlab lock. Copies and moves of pages take
// too long for a lock, so the thread holds the block (IsHeld in the records): other threads can neither free nor resize
// it.
internal sealed unsafe class LargeBlocks
{
    // Below this size a copy costs less than the records and the rounding of a unit run.
    public const nuint GrowableBytes = 64 << 10;

    private readonly Arena _arena;
    private readonly SuperSlabCache _superSlabs;

    public LargeBlocks(Arena arena, SuperSlabCache superSlabs, UnitAllocator units, RunAllocator runs)
    {
        _arena = arena;
        _superSlabs = superSlabs;
        UnitRuns = new UnitRunKind(this, arena, units, runs);
        SlabRuns = new SlabRunKind(this, arena, runs);
    }

    public UnitRunKind UnitRuns { get; }

    public SlabRunKind SlabRuns { get; }

    public static int SlabsFor(nuint byteCount) =>
        (int)((Math.Max(byteCount, 1) + Geometry.SlabBytes - 1) >> Geometry.SlabShift);

    public static int UnitsFor(nuint byteCount) => (int)((byteCount + Geometry.UnitBytes - 1) >> Geometry.UnitShift);

    // Returns the run that begins at an address. Throws HakmemCorruptionException if no run of this heap does.
    public BlockInfo Resolve(void* address, string operation)
    {
        Place place;
        using (_superSlabs.SyncRoot.Enter())
        {
            place = FindLocked(address);
        }

        if (place.IsOtherHeap)
        {
            throw Misuse.OtherHeap(address, operation);
        }

        if (place.Block.Kind is null)
        {
            throw Misuse.NoBlock(address, operation);
        }

        nuint bytes = place.Block.Bytes;
        if ((nuint)address < place.Begin)
        {
            nuint before = place.Begin - (nuint)address;
            throw Misuse.Of(address, operation, string.Create(
                CultureInfo.InvariantCulture,
                $"it lies {before} bytes before the block of {bytes} at 0x{(ulong)place.Begin:x}"));
        }

        Misuse.RequireStart(address, operation, (nuint)address - place.Begin, bytes);
        return place.Block;
    }

    // Holds the block that begins at an address and returns its current state: a unit run may have become a SuperSlab
    // run. Returns false if no block begins there any more, or another thread holds it.
    public bool TryHold(void* address, out BlockInfo block)
    {
        using (_superSlabs.SyncRoot.Enter())
        {
            Place place = FindLocked(address);
            block = place.Block;
            if (place.IsOtherHeap || block.Kind is not RunKind kind || place.Begin != (nuint)address)
            {
                return false;
            }

            ref bool isHeld = ref kind.HoldOf(block);
            bool isFree = !isHeld;
            isHeld = true;
            return isFree;
        }
    }

    public void Unhold(RunKind kind, BlockInfo block)
    {
        using (_superSlabs.SyncRoot.Enter())
        {
            Debug.Assert(kind.HoldOf(block), "The caller holds the block.");
            kind.HoldOf(block) = false;
        }
    }

    private Place FindLocked(void* address)
    {
        int unit = _arena.UnitOf((nuint)address);
        int slab = unit >> Geometry.UnitsPerSlabShift;
        DecodedEntry entry = PageMapEntry.Decode(*_arena.EntryOf(unit));
        if (!_superSlabs.IsOwned(slab))
        {
            // A guess, for the text only: another heap's lock guards the records.
            SuperSlabState state = _arena.Slab(slab)->State;
            return new Place(default, 0, entry.Kind != EntryKind.None || SlabRunKind.IsRun(state));
        }

        // A block of another kind was allocated there since the caller read the entry.
        return entry.Kind switch
        {
            EntryKind.None => SlabRuns.FindLocked(slab),
            EntryKind.UnitRun => UnitRuns.FindLocked(_arena.UnitOf(entry.Address)),
            _ => default,
        };
    }

    // The result of a lookup under the lock: the block at an address or right behind it, and its start; else no kind.
    internal readonly record struct Place(BlockInfo Block, nuint Begin, bool IsOtherHeap);
}
