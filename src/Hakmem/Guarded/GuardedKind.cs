using System;
using System.Globalization;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Records;

namespace Hakmem.Guarded;

// Blocks between guard pages, each in a range of its own. GuardedBlocks has their records and states. A heap without
// guarded blocks has this kind too, without records, because it resolves the ranges of other heaps.
internal sealed unsafe class GuardedKind(
    Arena arena, int heapSlot, RunAllocator runs, GuardedBlocks? blocks, bool keepsStacks) : BlockKind
{
    public override UnitKind MapKind => UnitKind.Guarded;

    public override bool IsIdle => blocks == null || blocks.IsIdle;

    private int Stack => keepsStacks ? HistoryStacks.Take() : StackTable.None;

    // Whoever samples takes a small block instead of null, and does not ask whether memory only seems to be out; so it
    // is asked here.
    public override void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed)
    {
        if (blocks == null)
        {
            return null;
        }

        int stack = Stack;
        void* block = blocks.TryAllocate(byteCount, alignment, isZeroed, stack);
        return block == null && arena.TryRefreshLimit()
            ? blocks.TryAllocate(byteCount, alignment, isZeroed, stack)
            : block;
    }

    // Exactly what is asked for, so that the first byte behind it is found.
    public override nuint GoodSize(nuint byteCount) => byteCount;

    public override BlockInfo Resolve(void* address, DecodedEntry entry, string operation)
    {
        int unit = arena.UnitOf(entry.Address);
        nuint begin = 0;
        nuint bytes = 0;
        if (blocks == null || !blocks.TryFind(unit, out begin, out bytes))
        {
            // A guess, for the text only: another heap's lock guards the header.
            bool isOwn = arena.Slab(unit >> Geometry.UnitsPerSlabShift)->HeapSlot == heapSlot;
            throw isOwn ? Misuse.NoBlock(address, operation) : Misuse.OtherHeap(address, operation);
        }

        if ((nuint)address - begin < Math.Max(bytes, 1))
        {
            Misuse.RequireStart(address, operation, (nuint)address - begin, bytes);
            return new BlockInfo(this, unit, 0, 0, bytes);
        }

        throw Misuse.Of(address, operation, string.Create(
            CultureInfo.InvariantCulture,
            $"it lies out of the bounds of the guarded block of {bytes} at 0x{(ulong)begin:x}"));
    }

    public override void RequireLive(ThreadCache* cache, BlockInfo block, void* address, string operation)
    {
        if (!blocks!.IsLive(block.First, (nuint)address))
        {
            throw FreedAlready(block, address, operation);
        }
    }

    public override HakmemCorruptionException FreedAlready(BlockInfo block, void* address, string operation) =>
        blocks!.DoubleFree(block.First, (nuint)address, operation);

    public override HakmemCorruptionException? Free(ThreadCache* cache, BlockInfo block, void* address) =>
        blocks!.Free(block.First, (nuint)address, Stack, isHeld: false);

    public override ResizeResult TryResizeInPlace(
        BlockInfo block, void* address, nuint byteCount, bool mayShrink) =>
        byteCount == block.Bytes ? ResizeResult.Done : ResizeResult.NoRoom;

    public override bool TryHold(void* address, string operation, out BlockInfo block)
    {
        DecodedEntry entry = PageMapEntry.Decode(arena.EntryOf(address));
        block = Resolve(address, entry, operation);
        blocks!.Hold(block.First, (nuint)address, operation);
        return true;
    }

    public override void Unhold(BlockInfo block, void* address) => blocks!.Unhold(block.First, (nuint)address);

    public override HakmemCorruptionException? FreeHeld(BlockInfo block, void* address) =>
        blocks!.Free(block.First, (nuint)address, Stack, isHeld: true);

    public override KindTotals NewTotals() => new Totals(runs, blocks);

    public override int Describe(int unit, DecodedEntry entry, Span<UnitInfo> units)
    {
        SuperSlabState state = arena.Slab(unit >> Geometry.UnitsPerSlabShift)->State;
        int count = state is SuperSlabState.RunHead or SuperSlabState.RunBody ? units.Length : 1;
        units[..count].Fill(new UnitInfo(MapKind, IsFirst: false, 0, 0, 0));
        units[0] = units[0] with { IsFirst = entry.Address == (nuint)arena.AddressOfUnit(unit) };
        return count;
    }

    public override void Verify(HeapCheck check, int unit, DecodedEntry entry, int unitCount)
    {
        byte* range = arena.AddressOfUnit(unit);
        nuint bytes = (nuint)unitCount << Geometry.UnitShift;
        RequireSameEntries(check, arena, unit, unitCount);
        GuardedBlock* block = (GuardedBlock*)arena.Span(unit)->Guard;
        if (block == null)
        {
            check.Require(false, "a guarded range has a record", (nuint)range);
            return;
        }

        check.Require(
            block->RangeBytes == 0 || block->RangeBytes == bytes, "a guarded block's record has the size of its range",
            (nuint)range, (long)block->RangeBytes);
        check.Require(
            block->Range == null || block->Range == range, "a guarded block's record leads to its range", (nuint)range,
            (long)block->Range);
        check.Require(
            block->State == GuardedState.Unready ||
                (block->Address - (nuint)range >= block->DataBegin &&
                block->Address + block->Bytes - (nuint)range <= block->DataEnd && block->DataEnd <= bytes),
            "a guarded block lies between its guard pages", (nuint)range, (long)block->Address);
    }

    public override HakmemCorruptionException? Flush(ThreadCache* cache) => blocks?.Flush();

    public override void Clear() => blocks?.Clear();

    //     live + quarantined <= the ranges of guarded blocks
    //
    // The left side is read before the right one and limited to it.
    private sealed class Totals(RunAllocator runs, GuardedBlocks? blocks) : KindTotals
    {
        private GuardedFigures _figures;
        private long _rangeBytes;
        private long _ranges;

        public override void ReadFree() => _figures = blocks?.Figures ?? default;

        public override void CountUnit(DecodedEntry entry, bool isFirst)
        {
            _rangeBytes += Geometry.UnitBytes;
            _ranges += isFirst ? 1 : 0;
        }

        public override void ReadUnits()
        {
            _rangeBytes += (long)runs.GuardedSlabCount << Geometry.SlabShift;
            _ranges += runs.GuardedRunCount;
            UncommittedBytes = Math.Min(blocks?.DecommittedBytes ?? 0, _rangeBytes);
        }

        public override void Finish()
        {
            LiveBlocks = Math.Min(_figures.LiveBlocks, _ranges);
            LiveBytes = Math.Min(_figures.LiveBytes, _rangeBytes);
            CachedBytes = Math.Min(_figures.QuarantinedBytes, _rangeBytes - LiveBytes);
        }
    }
}
