using System;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Guarded;

// Address ranges for guarded blocks: runs of units, or of whole SuperSlabs for what does not fit into one, entered in the page map so that
// every address of them leads to the block's record, and every free of them to the slow path.
//
// Guard pages split the kernel's mappings, of which a process may have some 65 thousand: beyond MaxGuarded blocks at a time there are none,
// and the block's slack and poison are all that is checked. Thread-safe, but for one range: that is its holder's.
internal sealed unsafe class GuardedRanges(Arena arena, UnitAllocator units, RunAllocator runs)
{
    // A range: up to three mappings.
    public const int MaxGuarded = 4096;

    // Takes a range for a block and enters the record. False if memory is out.
    public bool TryTake(GuardedBlock* block, GuardedLayout layout, nuint alignment, bool isZeroed)
    {
        block->IsSlabRun = layout.TotalBytes > Geometry.SlabBytes || alignment > Geometry.UnitBytes;
        if (!(block->IsSlabRun ? TryTakeSlabs(block, layout, alignment, isZeroed) : TryTakeUnits(block, layout, isZeroed)))
        {
            return false;
        }

        block->DataBegin = layout.FrontBytes;
        block->DataEnd = layout.DataEnd;
        block->Address = (nuint)block->Range + layout.BlockOffset;
        return true;
    }

    // The record of the block whose range begins with a unit; null if no range of this heap does.
    public GuardedBlock* RecordAt(int unit) => (GuardedBlock*)units.GuardAt(unit);

    // Puts the guard pages in place; false, and none are, if the system refuses.
    public bool TryGuard(GuardedBlock* block)
    {
        byte* behind = block->Range + block->DataEnd;
        if (block->DataBegin > 0 && !arena.Os.TryProtect(block->Range, block->DataBegin))
        {
            return false;
        }

        if (!arena.Os.TryProtect(behind, block->RangeBytes - block->DataEnd))
        {
            // The one in front may stay: it is taken away with the range.
            return block->DataBegin > 0;
        }

        return true;
    }

    // Gives up the contents of a freed block's pages and makes the whole range inaccessible; false if the system refuses.
    public bool TrySeal(GuardedBlock* block)
    {
        arena.Os.TryDiscard(block->Range + block->DataBegin, block->DataEnd - block->DataBegin);
        return arena.Os.TryProtect(block->Range, block->RangeBytes);
    }

    // Gives a range back. False, and it is as it was, if the system does not let it be used again.
    public bool TryFree(GuardedBlock* block)
    {
        if ((block->IsGuarded || block->IsSealed) && !arena.Os.TryUnprotect(block->Range, block->RangeBytes))
        {
            return false;
        }

        int unit = arena.UnitOf((nuint)block->Range);
        if (block->IsSlabRun)
        {
            runs.FreeGuarded(unit >> Geometry.UnitsPerSlabShift);
        }
        else
        {
            units.FreeGuarded(unit);
        }

        return true;
    }

    private bool TryTakeUnits(GuardedBlock* block, GuardedLayout layout, bool isZeroed)
    {
        int count = (int)((layout.TotalBytes + Geometry.UnitBytes - 1) >> Geometry.UnitShift);
        if (!units.TryAllocateGuarded(count, block, out int unit, out bool isFresh))
        {
            return false;
        }

        block->Range = arena.AddressOfUnit(unit);
        block->RangeBytes = (nuint)count << Geometry.UnitShift;
        if (isZeroed && !isFresh)
        {
            // SAFETY: the range was just taken by this thread, and is below a SuperSlab's size.
            new Span<byte>(block->Range, (int)layout.DataEnd).Clear();
        }

        return true;
    }

    private bool TryTakeSlabs(GuardedBlock* block, GuardedLayout layout, nuint alignment, bool isZeroed)
    {
        int count = (int)((layout.TotalBytes + Geometry.SlabBytes - 1) >> Geometry.SlabShift);
        if (!runs.TryAllocateGuarded(count, (int)Math.Max(1, alignment >> Geometry.SlabShift), block, out int head))
        {
            return false;
        }

        block->Range = arena.AddressOfSlab(head);
        block->RangeBytes = (nuint)count << Geometry.SlabShift;
        if (isZeroed)
        {
            runs.Clear(head, layout.DataEnd);
        }

        return true;
    }
}
