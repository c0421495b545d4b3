using System;
using System.Globalization;
using System.Threading;
using Hakmem.Arenas;
using Hakmem.Hardening;
using Hakmem.SizeClasses;

namespace Hakmem.Allocators;

// Finds out what an arbitrary address is, with every check that the records allow, and says it in words where it is not a block.
// Reads no memory that a caller could have written. Slow paths only; thread-safe.
internal sealed unsafe class BlockResolver(Arena arena, int heapSlot, SizeClassInfo[] classes)
{
    // Throws HakmemCorruptionException unless the address is that of a block of this heap (live or free).
    public BlockInfo Resolve(void* address, string operation)
    {
        nuint offset = (nuint)((byte*)address - arena.Base);
        if (!arena.HasTables(offset))
        {
            throw Misuse(address, operation, "it is not Hakmem memory");
        }

        ulong entry = *arena.EntryOf(arena.UnitOf((nuint)address));
        if (entry == 0)
        {
            return ResolveSlabRun(address, operation, offset);
        }

        if (PageMapEntry.IsGuarded(entry))
        {
            return ResolveGuarded(address, operation, entry);
        }

        int unit = arena.UnitOf(PageMapEntry.AddressOf(entry));
        nuint inSpan = (nuint)address - PageMapEntry.AddressOf(entry);
        if (HeapOf(entry, unit) != heapSlot)
        {
            throw Misuse(address, operation, "it belongs to another heap");
        }

        if (PageMapEntry.IsUnitRun(entry))
        {
            RequireStart(address, operation, inSpan, (nuint)arena.Span(unit)->UnitCount << Geometry.UnitShift);
            return new BlockInfo(BlockKind.UnitRun, unit, 0, 0, (nuint)arena.Span(unit)->UnitCount << Geometry.UnitShift);
        }

        SizeClassInfo info = classes[PageMapEntry.SizeClassOf(entry)];
        if (inSpan >= (nuint)info.SpanBlockBytes)
        {
            throw Misuse(address, operation, "it lies behind the last block of a span");
        }

        int index = (int)(inSpan / (nuint)info.BlockBytes);
        RequireStart(address, operation, inSpan % (nuint)info.BlockBytes, (nuint)info.BlockBytes);
        return new BlockInfo(BlockKind.Small, unit, info.Index, index, (nuint)info.BlockBytes);
    }

    // Whether a small block lies free in its span, rather than with a caller or in a magazine. Read without the depot's lock: for a block
    // that a caller holds, neither its bit nor its being carved can change, so no race makes a live block look free.
    public bool IsFreeInSpan(BlockInfo block)
    {
        ulong word = Volatile.Read(ref arena.Bitmap(block.First)[block.Index >> 6]);
        return block.Index >= Volatile.Read(ref arena.Span(block.First)->Carved) || (word & (1UL << block.Index)) != 0;
    }

    // Whether an address, interior ones included, lies in a span or run of this heap. Never throws.
    public bool Owns(void* address)
    {
        nuint offset = (nuint)((byte*)address - arena.Base);
        if (!arena.HasTables(offset))
        {
            return false;
        }

        SuperSlabHeader* header = arena.Slab((int)(offset >> Geometry.SlabShift));
        bool isRun = header->State is SuperSlabState.RunHead or SuperSlabState.RunBody;
        bool isInUnits = header->State == SuperSlabState.Spans && *arena.EntryOf(arena.UnitOf((nuint)address)) != 0;
        return header->HeapSlot == heapSlot && (isRun || isInUnits);
    }

    public static HakmemCorruptionException Misuse(void* address, string operation, string finding) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{operation} of 0x{(nuint)address:x}: {finding}."), (nuint)address);

    // The error for a block that was found free already where it came back to its span, or null for an address of zero: none was.
    public static HakmemCorruptionException? LateDoubleFree(nuint address) => address == 0
        ? null
        : Misuse((void*)address, "Free", "an earlier double free: the block came back to its span a second time");

    private BlockInfo ResolveGuarded(void* address, string operation, ulong entry)
    {
        int unit = arena.UnitOf(PageMapEntry.AddressOf(entry));
        GuardedBlock* block = (GuardedBlock*)arena.Span(unit)->Guard;
        if (arena.Slab(unit >> Geometry.UnitsPerSlabShift)->HeapSlot != heapSlot)
        {
            throw Misuse(address, operation, "it belongs to another heap");
        }

        if (block == null)
        {
            throw Misuse(address, operation, "no block is there: it was freed already, or never handed out");
        }

        if ((nuint)address - block->Address < Math.Max(block->Bytes, 1))
        {
            RequireStart(address, operation, (nuint)address - block->Address, block->Bytes);
            return new BlockInfo(BlockKind.Guarded, unit, 0, 0, block->Bytes);
        }

        throw Misuse(address, operation, string.Create(
            CultureInfo.InvariantCulture, $"it lies out of the bounds of the guarded block of {block->Bytes} at 0x{block->Address:x}"));
    }

    private BlockInfo ResolveSlabRun(void* address, string operation, nuint offset)
    {
        int slab = (int)(offset >> Geometry.SlabShift);
        SuperSlabHeader* header = arena.Slab(slab);
        if (header->State is not (SuperSlabState.RunHead or SuperSlabState.RunBody))
        {
            throw Misuse(address, operation, "no block is there: it was freed already, or never handed out");
        }

        if (header->HeapSlot != heapSlot)
        {
            throw Misuse(address, operation, "it belongs to another heap");
        }

        int head = header->RunHead;
        nuint before = (nuint)arena.Slab(head)->RunOffsetBytes;
        nuint bytes = ((nuint)arena.Slab(head)->RunSlabs << Geometry.SlabShift) - before;
        nuint inRun = offset - ((nuint)head << Geometry.SlabShift);
        if (inRun < before)
        {
            throw Misuse(address, operation, string.Create(
                CultureInfo.InvariantCulture, $"it lies {before - inRun} bytes before the block of {bytes} at 0x{(nuint)address + before - inRun:x}"));
        }

        RequireStart(address, operation, inRun - before, bytes);
        return new BlockInfo(BlockKind.SlabRun, head, 0, 0, bytes);
    }

    private int HeapOf(ulong entry, int unit) => PageMapEntry.IsUnitRun(entry)
        ? arena.Slab(unit >> Geometry.UnitsPerSlabShift)->HeapSlot
        : PageMapEntry.HeapSlotOf(entry);

    private static void RequireStart(void* address, string operation, nuint inBlock, nuint blockBytes)
    {
        if (inBlock != 0)
        {
            string kind = inBlock % Geometry.MinAlignment == 0 ? "an interior" : "a misaligned";
            nuint start = (nuint)address - inBlock;
            throw Misuse(address, operation, string.Create(
                CultureInfo.InvariantCulture, $"it is {kind} pointer, {inBlock} bytes into the block of {blockBytes} at 0x{start:x}"));
        }
    }
}
