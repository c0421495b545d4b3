using System;
using System.Globalization;
using System.Threading;
using Hakmem.Guarded;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// Finds out what an arbitrary address is, with every check that the records allow, and says it in words where it is not
// a block. Reads no memory that a caller could have written. Slow paths only; thread-safe. guards is null for a heap
// without guarded blocks.
//
// Of a block that a caller has the answer cannot change meanwhile. Of any other address it is of one moment, and
// whoever acts on it asks again in the step in which it acts: see LargeBlocks and GuardedBlocks. (Small blocks are
// decided by their magazines and spans.)
internal sealed unsafe class BlockResolver(Arena arena, int heapSlot, SizeClassInfo[] classes, LargeBlocks large, GuardedBlocks? guards)
{
    // Throws HakmemCorruptionException unless the address is that of a block of this heap (live or free).
    public BlockInfo Resolve(void* address, string operation)
    {
        nuint offset = (nuint)((byte*)address - arena.Base);
        if (!arena.HasTables(offset))
        {
            throw Misuse.Of(address, operation, "it is not Hakmem memory");
        }

        DecodedEntry entry = PageMapEntry.Decode(Volatile.Read(ref *arena.EntryOf(arena.UnitOf((nuint)address))));
        return entry.Kind switch
        {
            EntryKind.None or EntryKind.UnitRun => ResolveLarge(address, operation),
            EntryKind.Span => ResolveSmall(address, operation, entry),
            EntryKind.Guarded => ResolveGuarded(address, operation, arena.UnitOf(entry.Address)),
        };
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
        DecodedEntry entry = PageMapEntry.Decode(*arena.EntryOf(arena.UnitOf((nuint)address)));
        bool isInUnits = header->State == SuperSlabState.Spans && entry.Kind != EntryKind.None;
        return header->HeapSlot == heapSlot && (isRun || isInUnits);
    }

    private BlockInfo ResolveSmall(void* address, string operation, DecodedEntry entry)
    {
        if (entry.HeapSlot != heapSlot)
        {
            throw Misuse.Of(address, operation, "it belongs to another heap");
        }

        nuint inSpan = (nuint)address - entry.Address;
        SizeClassInfo info = classes[entry.SizeClass];
        if (inSpan >= (nuint)info.SpanBlockBytes)
        {
            throw Misuse.Of(address, operation, "it lies behind the last block of a span");
        }

        int index = (int)(inSpan / (nuint)info.BlockBytes);
        RequireStart(address, operation, inSpan % (nuint)info.BlockBytes, (nuint)info.BlockBytes);
        return new BlockInfo(BlockKind.Small, arena.UnitOf(entry.Address), info.Index, index, (nuint)info.BlockBytes);
    }

    private BlockInfo ResolveGuarded(void* address, string operation, int unit)
    {
        nuint begin = 0;
        nuint bytes = 0;
        if (guards == null || !guards.TryFind(unit, out begin, out bytes))
        {
            // Advice only, for the text.
            bool isOwn = arena.Slab(unit >> Geometry.UnitsPerSlabShift)->HeapSlot == heapSlot;
            throw Misuse.Of(
                address, operation, isOwn ? "no block is there: it was freed already, or never handed out" : "it belongs to another heap");
        }

        if ((nuint)address - begin < Math.Max(bytes, 1))
        {
            RequireStart(address, operation, (nuint)address - begin, bytes);
            return new BlockInfo(BlockKind.Guarded, unit, 0, 0, bytes);
        }

        throw Misuse.Of(address, operation, string.Create(
            CultureInfo.InvariantCulture, $"it lies out of the bounds of the guarded block of {bytes} at 0x{begin:x}"));
    }

    // A run of units or of SuperSlabs.
    private BlockInfo ResolveLarge(void* address, string operation)
    {
        BlockPlace place = large.Find(address);
        nuint bytes = place.Block.Bytes;
        switch (place.Kind)
        {
            case PlaceKind.NotThere:
                throw Misuse.Of(address, operation, "no block is there: it was freed already, or never handed out");
            case PlaceKind.OtherHeap:
                throw Misuse.Of(address, operation, "it belongs to another heap");
            case PlaceKind.Found when (nuint)address < place.Begin:
                throw Misuse.Of(address, operation, string.Create(
                    CultureInfo.InvariantCulture,
                    $"it lies {place.Begin - (nuint)address} bytes before the block of {bytes} at 0x{place.Begin:x}"));
            default:
                RequireStart(address, operation, (nuint)address - place.Begin, bytes);
                return place.Block;
        }
    }

    private static void RequireStart(void* address, string operation, nuint inBlock, nuint blockBytes)
    {
        if (inBlock != 0)
        {
            string kind = inBlock % Geometry.MinAlignment == 0 ? "an interior" : "a misaligned";
            nuint start = (nuint)address - inBlock;
            throw Misuse.Of(address, operation, string.Create(
                CultureInfo.InvariantCulture, $"it is {kind} pointer, {inBlock} bytes into the block of {blockBytes} at 0x{start:x}"));
        }
    }
}
