using System;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Guarded;
using Hakmem.Large;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Heaps;

// The list of a heap's kinds of blocks. The page map contains the kind of every unit, and this list its object. It
// reads no memory that callers can write. Slow paths only; thread-safe.
internal sealed unsafe class BlockKinds
{
    private readonly Arena _arena;
    private readonly int _heapSlot;
    private readonly BlockKind[] _all;

    // hardening is null in a heap without it.
    public BlockKinds(HeapParts parts, UnitAllocator units, RunAllocator runs, HardeningParts? hardening)
    {
        _arena = parts.Arena;
        _heapSlot = parts.Slot;
        LargeBlocks large = new(parts.Arena, parts.SuperSlabs, units, runs);
        UnitRuns = large.UnitRuns;
        if (hardening is null)
        {
            Small = new SmallKind(parts);
            Guarded = new GuardedKind(parts.Arena, parts.Slot, runs, blocks: null, keepsStacks: false);
        }
        else
        {
            CreateHardened(hardening, parts, units, runs);
        }

        // The order is that of EntryKind.
        _all = [large.SlabRuns, Small, large.UnitRuns, Guarded];
        Debug.Assert(_all.Length == (int)EntryKind.Last + 1, "Every kind of the page map has an object.");

        // The kind for requests that no size class serves. With full hardening all such blocks are guarded.
        Large = Small.HasQuarantine ? Guarded : large.SlabRuns;
    }

    // Null without guarded sampling.
    public GuardedSampling? GuardedSampling { get; private set; }

    // Null unless a table says which blocks are live.
    public BlockClaims? Claims { get; private set; }

    public SmallKind Small { get; private set; }

    public BlockKind Large { get; }

    public UnitRunKind UnitRuns { get; }

    // Serves nothing in a heap that has neither hardening nor sampling.
    public BlockKind Guarded { get; private set; }

    public ReadOnlySpan<BlockKind> All => _all;

    // Apart, since a heap without hardening would otherwise load the classes too.
    [MethodImpl(MethodImplOptions.NoInlining)]
    [MemberNotNull(nameof(Small), nameof(Guarded))]
    private void CreateHardened(HardeningParts hardening, HeapParts parts, UnitAllocator units, RunAllocator runs) =>
        (Small, Guarded, GuardedSampling, Claims) = hardening.CreateKinds(parts, units, runs);

    // Returns the kind that serves a request.
    public BlockKind For(nuint byteCount, nuint alignment) => Small.Serves(byteCount, alignment) ? Small : Large;

    public BlockKind Of(DecodedEntry entry) => _all[(int)entry.Kind];

    // Describes the block that begins at an address. Throws HakmemCorruptionException unless a block of this heap, live
    // or free, begins there.
    public BlockInfo Resolve(void* address, string operation)
    {
        if (!_arena.HasTables((nuint)((byte*)address - _arena.Base)))
        {
            throw Misuse.Of(address, operation, "it is not Hakmem memory");
        }

        DecodedEntry entry = PageMapEntry.Decode(Volatile.Read(ref *_arena.EntryOf(_arena.UnitOf((nuint)address))));
        return Of(entry).Resolve(address, entry, operation);
    }

    // Whether an address, also an interior one, is in a span, run or range of this heap. Never throws.
    public bool Owns(void* address)
    {
        nuint offset = (nuint)((byte*)address - _arena.Base);
        if (!_arena.HasTables(offset))
        {
            return false;
        }

        SuperSlabHeader* header = _arena.Slab((int)(offset >> Geometry.SlabShift));
        DecodedEntry entry = PageMapEntry.Decode(*_arena.EntryOf(_arena.UnitOf((nuint)address)));
        bool isInUnits = header->State == SuperSlabState.Spans && entry.Kind != EntryKind.None;
        return header->HeapSlot == _heapSlot && (SlabRunKind.IsRun(header->State) || isInUnits);
    }

    // Whether memory is this heap's and can be read: every unit of it is part of a span or run, and none of a guarded
    // block's range, whose pages are closed when the block is freed. For a debugger's view: takes no lock and never
    // throws. The memory has at least one byte.
    public bool CanRead(void* start, nuint byteCount)
    {
        byte* last = (byte*)start + (byteCount - 1);
        for (byte* at = (byte*)start; at < last; at += Geometry.UnitBytes)
        {
            if (!CanRead(at))
            {
                return false;
            }
        }

        return CanRead(last);
    }

    private bool CanRead(void* address) => Owns(address) &&
        PageMapEntry.Decode(*_arena.EntryOf(_arena.UnitOf((nuint)address))).Kind != EntryKind.Guarded;

    // Moves blocks that the kinds keep out of reuse to the spans. Returns damage found on the way, or null.
    public HakmemCorruptionException? Flush(ThreadCache* cache)
    {
        HakmemCorruptionException? finding = null;
        foreach (BlockKind kind in _all)
        {
            finding = kind.Flush(cache) ?? finding;
        }

        return finding;
    }

    public void Clear()
    {
        foreach (BlockKind kind in _all)
        {
            kind.Clear();
        }
    }
}
