using System;
using Hakmem.Arenas;
using Hakmem.SizeClasses;
using Hakmem.Spans;

namespace Hakmem.Allocators;

// Blocks that no size class serves: runs of whole SuperSlabs above 1 MiB, and growable runs of units, which Realloc moves a growing block
// to so that the next steps happen in place.
//
//   Realloc grows a block above GrowableBytes:   size class --copy--> units with room behind them
//   ... further:                                 units taken behind it, up to a SuperSlab
//   ... further:                                 the SuperSlab becomes a run, and takes SuperSlabs behind it
//   ... with something in the way:               a new run, to which the pages are moved (or bytes copied)
//
// So a buffer that grows by steps is copied while it is small, and then seldom. Room that is not used costs address space, not memory.
// Thread-safe, but for one block: that is its holder's.
internal sealed unsafe class LargeBlocks(Arena arena, UnitAllocator units, RunAllocator runs)
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
        if (alignment <= Geometry.MinAlignment)
        {
            runs.SetOffset(head, RunColor.OffsetFor(head, (nuint)SlabsFor(byteCount) << Geometry.SlabShift, byteCount));
        }

        int offset = arena.Slab(head)->RunOffsetBytes;
        if (isZeroed)
        {
            runs.Clear(head, byteCount + (nuint)offset);
        }

        return arena.AddressOfSlab(head) + offset;
    }

    // A run of units with room to grow, for GrowableBytes to a SuperSlab; null if memory is out.
    public void* TryAllocateGrowable(nuint byteCount)
    {
        int count = UnitsFor(byteCount);
        if (!units.TryAllocate(count, isGrowable: true, out int unit, out _))
        {
            return null;
        }

        arena.Span(unit)->UnitCount = count;
        Enter(unit, 0, count);
        return arena.AddressOfUnit(unit);
    }

    // False if the block was freed already.
    public bool TryFree(BlockInfo block)
    {
        if (block.Kind == BlockKind.SlabRun)
        {
            return runs.TryShrink(block.First, 0);
        }

        int count = arena.Span(block.First)->UnitCount;
        arena.SetEntries(block.First, count, 0);
        units.Free(block.First, count);
        return true;
    }

    // Resizes a block without moving it, growing or shrinking, as far as neighbours allow.
    public bool TryResizeInPlace(BlockInfo block, nuint byteCount)
    {
        if (block.Kind == BlockKind.SlabRun)
        {
            int have = arena.Slab(block.First)->RunSlabs;
            int want = SlabsFor(byteCount + (nuint)arena.Slab(block.First)->RunOffsetBytes);
            return byteCount > SizeClass.MaxBytes && byteCount <= (nuint)arena.ReservedBytes &&
                (want <= have ? want == have || runs.TryShrink(block.First, want) : runs.TryExtend(block.First, have, want));
        }

        return byteCount > GrowableBytes && byteCount <= (nuint)arena.ReservedBytes && TryResizeUnits(block, byteCount);
    }

    // Takes over the contents of a run that cannot grow in place, by moving its pages into a new one; null if that does not work here.
    public void* TryMoveRun(BlockInfo block, nuint byteCount)
    {
        int count = block.Kind == BlockKind.SlabRun ? arena.Slab(block.First)->RunSlabs : 0;
        if (count < MinMoveSlabs || byteCount <= block.Bytes || byteCount > (nuint)arena.ReservedBytes)
        {
            return null;
        }

        // Pages are moved whole, so the block begins where it began.
        int offset = arena.Slab(block.First)->RunOffsetBytes;
        byte* target = (byte*)TryAllocateRun(byteCount + (nuint)offset, Geometry.SlabBytes, isZeroed: false);
        if (target == null)
        {
            return null;
        }

        int to = (int)((target - arena.Base) >> Geometry.SlabShift);
        if (runs.TryMovePages(block.First, to, count))
        {
            runs.TryShrink(block.First, 0);
            runs.SetOffset(to, offset);
            return target + offset;
        }

        // Not one kernel mapping, or an old kernel: the caller copies.
        return null;
    }

    private static int SlabsFor(nuint byteCount) => (int)((Math.Max(byteCount, 1) + Geometry.SlabBytes - 1) >> Geometry.SlabShift);

    private static int UnitsFor(nuint byteCount) => (int)((byteCount + Geometry.UnitBytes - 1) >> Geometry.UnitShift);

    private bool TryResizeUnits(BlockInfo block, nuint byteCount)
    {
        int have = arena.Span(block.First)->UnitCount;
        int want = UnitsFor(byteCount);
        if (want > Geometry.UnitsPerSlab)
        {
            return TryBecomeRun(block.First, have, byteCount);
        }

        if (want > have)
        {
            if (!units.TryExtend(block.First, have, want))
            {
                return false;
            }

            Enter(block.First, have, want);
        }

        arena.Span(block.First)->UnitCount = want;
        if (want < have)
        {
            arena.SetEntries(block.First + want, have - want, 0);
            units.Free(block.First + want, have - want);
        }

        return true;
    }

    private bool TryBecomeRun(int unit, int have, nuint byteCount)
    {
        int slab = unit >> Geometry.UnitsPerSlabShift;
        if (unit % Geometry.UnitsPerSlab != 0 ||
            (have < Geometry.UnitsPerSlab && !units.TryExtend(unit, have, Geometry.UnitsPerSlab)))
        {
            return false;
        }

        arena.SetEntries(unit, have, 0);
        runs.Adopt(slab, units);
        return runs.TryExtend(slab, 1, SlabsFor(byteCount));
    }

    private void Enter(int unit, int from, int to) =>
        arena.SetEntries(unit + from, to - from, PageMapEntry.ForUnitRun((nuint)arena.AddressOfUnit(unit)));
}
