using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Large;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Guarded;

// Address ranges for guarded blocks: runs of units, or of whole SuperSlabs if one SuperSlab is too small. The page-map
// entry of every address in a range leads to the block's record, and sends every free to the slow path.
//
// Guard pages split the kernel's mappings, and a process may have about 65 thousand. Blocks beyond MaxGuarded at a time
// have no guard pages: only their slack and poison are checked. Thread-safe, except that one range must have one user
// at a time.
internal sealed unsafe class GuardedRanges(Arena arena, UnitAllocator units, RunAllocator runs)
{
    // A range needs up to three mappings.
    public const int MaxGuarded = 4096;

    // Whether discarded pages can be protected, as they stay committed.
    private readonly bool _keepsCommitted = arena.Os.Has(OsFeatures.DiscardKeepsCommitted);

    // The bytes of sealed ranges that are decommitted. Interlocked.
    private long _decommittedBytes;

    public long DecommittedBytes => Interlocked.Read(ref _decommittedBytes);

    // Allocates a range for a block and enters the record in it. Returns false if memory is out.
    public bool TryTake(GuardedBlock* block, GuardedLayout layout, nuint alignment, bool isZeroed)
    {
        block->IsSlabRun = layout.TotalBytes > Geometry.SlabBytes || alignment > Geometry.UnitBytes;
        if (!(block->IsSlabRun
            ? TryTakeSlabs(block, layout, alignment, isZeroed)
            : TryTakeUnits(block, layout, isZeroed)))
        {
            return false;
        }

        block->DataBegin = layout.FrontBytes;
        block->DataEnd = layout.DataEnd;
        block->Address = (nuint)block->Range + layout.BlockOffset;
        return true;
    }

    // Returns the record of the block whose range begins with a unit; null if no range of this heap does.
    public GuardedBlock* RecordAt(int unit) => (GuardedBlock*)units.GuardAt(unit);

    // Adds the guard pages. Returns false, and adds none, if the system refuses; one may be missing after true.
    public bool TryGuard(GuardedBlock* block)
    {
        byte* behind = block->Range + block->DataEnd;
        if (block->DataBegin > 0 && !arena.Os.TryProtect(block->Range, block->DataBegin))
        {
            return false;
        }

        // Without the one behind, the front guard may stay: it is removed with the range.
        return arena.Os.TryProtect(behind, block->RangeBytes - block->DataEnd) || block->DataBegin > 0;
    }

    // Discards a freed block's pages and makes the range inaccessible. Returns false if the system refuses the second.
    public bool TrySeal(GuardedBlock* block)
    {
        if (!_keepsCommitted)
        {
            return CountIf(arena.Os.TryDecommit(block->Range, block->RangeBytes), (long)block->RangeBytes);
        }

        arena.Os.TryDiscard(block->Range + block->DataBegin, block->DataEnd - block->DataBegin);
        return arena.Os.TryProtect(block->Range, block->RangeBytes);
    }

    // Frees a range. Returns false, and changes nothing, if the system refuses to make it accessible again.
    public bool TryFree(GuardedBlock* block)
    {
        bool isAccessible = block->IsSealed && !_keepsCommitted
            ? CountIf(arena.Os.TryCommit(block->Range, block->RangeBytes), -(long)block->RangeBytes)
            : !(block->IsGuarded || block->IsSealed) || arena.Os.TryUnprotect(block->Range, block->RangeBytes);
        if (!isAccessible)
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

    private bool CountIf(bool isDone, long decommittedBytes)
    {
        if (isDone)
        {
            Interlocked.Add(ref _decommittedBytes, decommittedBytes);
        }

        return isDone;
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
            // SAFETY: this thread allocated the range just now, and it is smaller than a SuperSlab.
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

// The position of a guarded block in its range.
//
//   +-------+-------------------------------------------+---------------------------+
//   | guard | slack |              block        | slack | guard, to the range's end |
//   +-------+-------------------------------------------+---------------------------+
//           FrontBytes      BlockOffset         < 16     DataEnd                TotalBytes
//
// The block ends as near to the back guard as its alignment allows: an overflow faults at once, or damages the slack's
// poison, which is checked by the free. A block aligned to more than a page begins with its range: no front guard.
internal readonly struct GuardedLayout
{
    public GuardedLayout(nuint byteCount, nuint alignment, nuint pageBytes)
    {
        nuint pageMask = pageBytes - 1;
        nuint dataBytes = (nuint.Max(byteCount, 1) + pageMask) & ~pageMask;
        bool hasFront = alignment <= pageBytes;
        FrontBytes = hasFront ? pageBytes : 0;
        DataEnd = FrontBytes + dataBytes;
        nuint step = nuint.Max(alignment, Geometry.MinAlignment);
        BlockOffset = hasFront ? (DataEnd - nuint.Max(byteCount, 1)) & ~(step - 1) : 0;
        TotalBytes = DataEnd + pageBytes;
        Debug.Assert(BlockOffset >= FrontBytes && BlockOffset + byteCount <= DataEnd, "Between the guards.");
    }

    public nuint FrontBytes { get; }

    public nuint BlockOffset { get; }

    public nuint DataEnd { get; }

    public nuint TotalBytes { get; }
}
