using System;
using System.Globalization;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Large;

// Blocks that no size class serves: runs of whole SuperSlabs above 1 MiB, and growable runs of units, to which Realloc
// moves a growing block so that the next steps happen in place.
//
//   Realloc grows a block above GrowableBytes:   size class --copy--> units with room behind them
//   ... further:                                 takes units behind it, up to a SuperSlab
//   ... further:                                 the SuperSlab becomes a run, and takes SuperSlabs behind it
//   ... where something is in the way:           moves its pages to a new run (or copies its bytes)
//
// So a buffer that grows by steps is copied while it is small, and seldom after that. Unused room costs address space,
// not memory.
//
// Thread-safe, also for two threads that free or resize the same block, which is a bug of the program: each member checks
// under the SuperSlab lock whether the block is there, in the step in which it changes it. Copying bytes and moving pages
// take longer than a lock may be held; the thread that does so holds the block (IsHeld in the records). Other threads
// find the block there meanwhile, but can neither free nor resize it.
internal sealed unsafe class LargeBlocks
{
    // Below this a copy costs less than the records and the rounding of a unit run.
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

    // The run that begins at an address. Throws HakmemCorruptionException if none of this heap does.
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
            throw Misuse.Of(address, operation, string.Create(
                CultureInfo.InvariantCulture,
                $"it lies {place.Begin - (nuint)address} bytes before the block of {bytes} at 0x{place.Begin:x}"));
        }

        Misuse.RequireStart(address, operation, (nuint)address - place.Begin, bytes);
        return place.Block;
    }

    // Takes hold of the block that begins at an address, and returns it as it is then: a unit run may have become a
    // SuperSlab run. False if no block begins there any more, or another thread holds it.
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
            // Advice only: the records are guarded by another heap's lock.
            SuperSlabState state = _arena.Slab(slab)->State;
            return new Place(default, 0, entry.Kind != EntryKind.None || SlabRunKind.IsRun(state));
        }

        // Of the other kinds, a block has come there since the caller looked.
        return entry.Kind switch
        {
            EntryKind.None => SlabRuns.FindLocked(slab),
            EntryKind.UnitRun => UnitRuns.FindLocked(_arena.UnitOf(entry.Address)),
            _ => default,
        };
    }

    // What lies at an address, found in one step: the block around or right behind it and where that begins; otherwise no
    // kind, or what belongs to another heap.
    internal readonly record struct Place(BlockInfo Block, nuint Begin, bool IsOtherHeap);
}
