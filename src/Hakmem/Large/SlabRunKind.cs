using System;
using System.Numerics;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Large;

// Runs of whole SuperSlabs: blocks above 1 MiB, or aligned to more than a unit. The page map has no entries for them,
// so this kind resolves every address without an entry.
internal sealed unsafe class SlabRunKind(LargeBlocks large, Arena arena, RunAllocator runs) : RunKind(large)
{
    // A run is moved by pages if it keeps at least this many SuperSlabs; a smaller one is copied.
    private const int MinMoveSlabs = 2;

    // A longer run is always moved by pages: a unit that counts as warm was handed out since it was last purged, and
    // need not have been written, so the copy could make the whole target resident.
    private const int MaxCopySlabs = 8;

    public override UnitKind MapKind => UnitKind.LargeRun;

    public static bool IsRun(SuperSlabState state) => state is SuperSlabState.RunHead or SuperSlabState.RunBody;

    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        int alignmentSlabs = (int)Math.Max(1, alignment >> Geometry.SlabShift);
        if (byteCount > (nuint)arena.ReservedBytes || (ulong)alignment > Geometry.MaxArenaBytes ||
            !runs.TryAllocate(LargeBlocks.SlabsFor(byteCount), alignmentSlabs, out int head))
        {
            return null;
        }

        // A block with a larger alignment begins where the run does.
        nuint runBytes = (nuint)LargeBlocks.SlabsFor(byteCount) << Geometry.SlabShift;
        int offset = alignment > Geometry.MinAlignment ? 0 : RunColor.OffsetFor(head, runBytes, byteCount);
        if (isZeroed)
        {
            runs.Clear(head, byteCount + (nuint)offset);
        }

        runs.HandOut(head, offset);
        return arena.AddressOfSlab(head) + offset;
    }

    // A block that fills its run begins where the run does, so its color does not count.
    public override nuint GoodSize(nuint byteCount) => (nuint)LargeBlocks.SlabsFor(byteCount) << Geometry.SlabShift;

    public override ResizeResult TryResizeInPlace(
        BlockInfo block, void* address, nuint byteCount, bool mayShrink)
    {
        if (byteCount <= SizeClass.MaxBytes || byteCount > (nuint)arena.ReservedBytes)
        {
            return ResizeResult.NoRoom;
        }

        nuint offset = (nuint)address - (nuint)arena.AddressOfSlab(block.First);
        return runs.TryResize(block.First, (byte*)address, LargeBlocks.SlabsFor(byteCount + offset), mayShrink);
    }

    public override HakmemCorruptionException? FreeHeld(BlockInfo block, void* address)
    {
        runs.Free(block.First);
        return null;
    }

    public override void* TryMoveHeld(BlockInfo block, nuint byteCount)
    {
        int count = arena.Slab(block.First)->RunSlabs;
        if (count < MinMoveSlabs || byteCount <= block.Bytes || byteCount > (nuint)arena.ReservedBytes ||
            !arena.Os.MovesPages)
        {
            return null;
        }

        // Pages are moved whole, so the block keeps its offset in the run.
        int offset = arena.Slab(block.First)->RunOffsetBytes;
        int wanted = LargeBlocks.SlabsFor(byteCount + (nuint)offset);
        if (!runs.TryAllocate(wanted, alignmentSlabs: 1, out int to))
        {
            return null;
        }

        if (count <= MaxCopySlabs && runs.IsWarm(to, count))
        {
            // SAFETY: this thread holds both runs, and the target is longer than the block with its offset.
            byte* source = arena.AddressOfSlab(block.First) + offset;
            Buffer.MemoryCopy(source, arena.AddressOfSlab(to) + offset, block.Bytes, block.Bytes);
        }
        else if (!runs.TryMovePages(block.First, to, count))
        {
            // The system cannot move the pages: the caller copies.
            return null;
        }

        runs.Free(block.First);
        runs.HandOut(to, offset);
        return arena.AddressOfSlab(to) + offset;
    }

    public override KindTotals NewTotals() => new Totals(runs);

    public override int Describe(int unit, DecodedEntry entry, Span<UnitInfo> units)
    {
        SuperSlabHeader* header = arena.Slab(unit >> Geometry.UnitsPerSlabShift);
        if (!IsRun(header->State))
        {
            // A taken unit without an entry: a span there is being opened or closed, or the unit is being purged.
            units[0] = new UnitInfo(UnitKind.Changing, IsFirst: false, 0, 0, 0);
            return 1;
        }

        units.Fill(new UnitInfo(MapKind, IsFirst: false, 0, 0, 0));
        units[0] = units[0] with { IsFirst = header->State == SuperSlabState.RunHead };
        return units.Length;
    }

    public override void Verify(HeapCheck check, int unit, DecodedEntry entry, int unitCount)
    {
        int head = unit >> Geometry.UnitsPerSlabShift;
        if (!IsRun(arena.Slab(head)->State))
        {
            // A span there is being opened or closed, or the unit is being purged.
            return;
        }

        nuint address = (nuint)arena.AddressOfSlab(head);
        int offset = arena.Slab(head)->RunOffsetBytes;
        bool isInFirst = offset is >= 0 and < Geometry.SlabBytes;
        check.Require(isInFirst, "a block begins in the first SuperSlab of its run", address, offset);
        RequireSameEntries(check, arena, unit, unitCount);
    }

    public LargeBlocks.Place FindLocked(int slab)
    {
        if (!IsRun(arena.Slab(slab)->State))
        {
            return default;
        }

        int head = arena.Slab(slab)->RunHead;
        nuint offset = (nuint)arena.Slab(head)->RunOffsetBytes;
        nuint bytes = ((nuint)arena.Slab(head)->RunSlabs << Geometry.SlabShift) - offset;
        nuint begin = (nuint)arena.AddressOfSlab(head) + offset;
        return new LargeBlocks.Place(new BlockInfo(this, head, 0, 0, bytes), begin, IsOtherHeap: false);
    }

    public override ref bool HoldOf(BlockInfo block) => ref arena.Slab(block.First)->IsHeld;

    protected override bool TryFree(BlockInfo block, void* address) => runs.TryFree(block.First, (byte*)address);

    private sealed class Totals(RunAllocator runs) : KindTotals
    {
        public override void ReadUnits()
        {
            LiveBlocks = runs.RunCount;
            LiveBytes = ((long)runs.SlabCount << Geometry.SlabShift) - runs.OffsetBytes;
        }

        public override void Finish()
        {
        }
    }
}

// The offset of a large block in its run.
//
// If every block began with a SuperSlab, the first bytes of all their pages would compete for 1/64 of a cache's sets.
// Programs that access each page at one offset (headers, row starts, prefaulting) would then miss in a nearly empty
// cache. 20 blocks of 5 to 25 MiB, each page accessed: 60 us a block without colors, 41 us with them (one block alone:
// 41 us). The idea is Bonwick's slab coloring; jemalloc applies it to large blocks as `cache_oblivious`.
//
// The color depends on the 32 MiB region of the address, so reused memory is accessed at the same offsets: a new color
// for each block costs as much as none. It never costs a SuperSlab: a block that nearly fills its run gets offset 0.
internal static class RunColor
{
    private const int LineBytes = 64;
    private const int LinesPerPage = 4096 / LineBytes;
    private const int RegionShift = 25 - Geometry.SlabShift;

    // Returns the offset in bytes for a run of runBytes from SuperSlab head, and a block of byteCount.
    public static int OffsetFor(int head, nuint runBytes, nuint byteCount)
    {
        // Neighbouring regions get distant colors, so that the prefetcher of one does not reach the next.
        int color = (int)(BitOperations.RotateLeft((uint)(head >> RegionShift) * 0x9E3779B1u, 6) % LinesPerPage);
        int offset = color * LineBytes;
        return (nuint)offset <= runBytes - byteCount ? offset : 0;
    }
}
