using System;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Large;

// Growable runs of units within one SuperSlab, above GrowableBytes. Only Realloc allocates them.
//
// They also serve the small blocks that a profiler samples, because their frees take the slow path. Such a block has
// the size of the small one that it replaces (SpanHeader.FreeCount), and is resized as that would be: otherwise the
// samples would not stand for the other blocks.
internal sealed unsafe class UnitRunKind(LargeBlocks large, Arena arena, UnitAllocator units, RunAllocator runs)
    : RunKind(large)
{
    // The units of live samples. Interlocked additions.
    private long _sampledUnits;

    public override UnitKind MapKind => UnitKind.GrowableRun;

    // The memory is not known to be zero; it is aligned to a unit.
    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        if (!units.TryAllocateRun(LargeBlocks.UnitsFor(byteCount), out int unit))
        {
            return null;
        }

        byte* block = arena.AddressOfUnit(unit);
        if (isZeroed)
        {
            new Span<byte>(block, (int)byteCount).Clear();
        }

        return block;
    }

    // Allocates a sampled block in place of a small one of blockBytes. Returns null if memory is out, or all samples
    // together would have more than most bytes.
    public void* TryAllocateSample(nuint byteCount, int blockBytes, bool isZeroed, long most)
    {
        int count = LargeBlocks.UnitsFor((nuint)blockBytes);
        int unit = 0;
        if (Interlocked.Add(ref _sampledUnits, count) > most >> Geometry.UnitShift ||
            !units.TryAllocateRun(count, out unit, blockBytes))
        {
            Interlocked.Add(ref _sampledUnits, -count);
            return null;
        }

        byte* block = arena.AddressOfUnit(unit);
        if (isZeroed)
        {
            new Span<byte>(block, (int)byteCount).Clear();
        }

        return block;
    }

    // Whether a resolved block of this kind stands for a small one.
    public bool IsSample(BlockInfo block) => block.Kind == this && arena.Span(block.First)->FreeCount > 0;

    public override nuint GoodSize(nuint byteCount) => (nuint)LargeBlocks.UnitsFor(byteCount) << Geometry.UnitShift;

    // If there is no room, the run may have become a SuperSlab run.
    public override ResizeResult TryResizeInPlace(
        BlockInfo block, void* address, nuint byteCount, bool mayShrink)
    {
        if (IsSample(block))
        {
            return byteCount <= block.Bytes && byteCount > block.Bytes / 2 ? ResizeResult.Done : ResizeResult.NoRoom;
        }

        if (byteCount <= LargeBlocks.GrowableBytes || byteCount > (nuint)arena.ReservedBytes)
        {
            return ResizeResult.NoRoom;
        }

        if (byteCount <= Geometry.SlabBytes)
        {
            return units.TryResizeRun(block.First, LargeBlocks.UnitsFor(byteCount), mayShrink);
        }

        int slab = block.First >> Geometry.UnitsPerSlabShift;
        return block.First % Geometry.UnitsPerSlab == 0
            ? runs.TryAdopt(slab, units, LargeBlocks.SlabsFor(byteCount))
            : ResizeResult.NoRoom;
    }

    public override HakmemCorruptionException? FreeHeld(BlockInfo block, void* address)
    {
        long sampled = SampledUnitsOf(block);
        units.FreeRun(block.First);
        Interlocked.Add(ref _sampledUnits, -sampled);
        return null;
    }

    public override KindTotals NewTotals() => new Totals(arena);

    public override int Describe(int unit, DecodedEntry entry, Span<UnitInfo> units)
    {
        units[0] = new UnitInfo(MapKind, entry.Address == (nuint)arena.AddressOfUnit(unit), 0, 0, 0);
        return 1;
    }

    public override void Verify(HeapCheck check, int unit, DecodedEntry entry, int unitCount) =>
        RequireSameEntries(check, arena, unit, unitCount);

    public LargeBlocks.Place FindLocked(int unit)
    {
        int sampled = arena.Span(unit)->FreeCount;
        nuint bytes = sampled > 0 ? (nuint)sampled : (nuint)arena.Span(unit)->UnitCount << Geometry.UnitShift;
        BlockInfo block = new(this, unit, 0, 0, bytes);
        return new LargeBlocks.Place(block, (nuint)arena.AddressOfUnit(unit), IsOtherHeap: false);
    }

    public override ref bool HoldOf(BlockInfo block) => ref arena.Span(block.First)->IsHeld;

    protected override bool TryFree(BlockInfo block, void* address)
    {
        long sampled = SampledUnitsOf(block);
        bool isFreed = units.TryFreeRun(block.First);
        Interlocked.Add(ref _sampledUnits, isFreed ? -sampled : 0);
        return isFreed;
    }

    private long SampledUnitsOf(BlockInfo block) => IsSample(block) ? arena.Span(block.First)->UnitCount : 0;

    private sealed class Totals(Arena arena) : KindTotals
    {
        // A sample has the size of the block that it stands for.
        public override void CountUnit(DecodedEntry entry, bool isFirst)
        {
            int sampled = arena.Span(arena.UnitOf(entry.Address))->FreeCount;
            LiveBytes += sampled == 0 ? Geometry.UnitBytes : isFirst ? sampled : 0;
            LiveBlocks += isFirst ? 1 : 0;
        }

        public override void Finish()
        {
        }
    }
}
