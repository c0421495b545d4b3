using System;
using Hakmem.Records;

namespace Hakmem.Pages;

// The contract of a kind of block: small blocks, growable runs of units, runs of SuperSlabs, guarded blocks, and what
// hardening makes of small ones. Each heap has one object of each kind (Heaps/BlockKinds.cs has the list). A new kind
// implements everything below, so it does not compile until it says how its blocks are allocated, resolved, freed,
// resized, counted, verified, drawn on the heap map and flushed.
//
// The two inlined fast paths of HakmemAllocator do not come here: they serve small blocks from the thread's cache.
//
// Thread-safe: each kind decides races between frees and resizes of the same block, which are bugs of the program, by
// its own locks.
internal abstract unsafe class BlockKind
{
    // What the public heap map calls the units of such a block.
    public abstract UnitKind MapKind { get; }

    // Whether freed blocks pass a quarantine before they reach their spans.
    public virtual bool HasQuarantine => false;

    // Returns a block, or null if memory is out. cache is the calling thread's, or null. Throws
    // HakmemCorruptionException for a damaged free block, which is in its span again then.
    public abstract void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed);

    // Describes the block that begins at an address, live or free; entry is what the page map says of the address.
    // Throws HakmemCorruptionException unless a block of this heap and kind begins there. For a block that the caller
    // owns, the answer cannot change; any other answer is of one moment, and members that act on it check again.
    public abstract BlockInfo Resolve(void* address, DecodedEntry entry, string operation);

    // Throws HakmemCorruptionException if the records of the kind say that a resolved block is free.
    public abstract void RequireLive(ThreadCache* cache, BlockInfo block, void* address, string operation);

    // The error for a resolved block that is free already.
    public abstract HakmemCorruptionException FreedAlready(BlockInfo block, void* address, string operation);

    // Frees a resolved block. Throws HakmemCorruptionException if it is free already. Returns a finding about another
    // block, or null; the block is free in either case.
    public abstract HakmemCorruptionException? Free(ThreadCache* cache, BlockInfo block, void* address);

    // Resizes a resolved block where it is.
    public abstract ResizeResult TryResizeInPlace(BlockInfo block, void* address, nuint byteCount);

    // Takes hold of the block at an address, so that no other thread can free or resize it: for copying its bytes or
    // moving its pages under no lock. Returns the block as it is now. Kinds that need no hold return false.
    // Throws HakmemCorruptionException if the block is free, or another thread holds it.
    public abstract bool TryHold(void* address, string operation, out BlockInfo block);

    // Ends the hold; the block belongs to the program again.
    public abstract void Unhold(BlockInfo block, void* address);

    // Frees a block that the calling thread holds. Returns as Free does.
    public abstract HakmemCorruptionException? FreeHeld(BlockInfo block, void* address);

    // Moves the pages of a held block to a larger one and frees it. Null if that is not possible: nothing has changed.
    public virtual void* TryMoveHeld(BlockInfo block, nuint byteCount) => null;

    // An object that adds up the blocks of this kind, once. Under the decay's lock.
    public abstract KindTotals NewTotals();

    // Copies what the heap map says of the units from one on, which is the first that was not copied yet; entry is its
    // page-map entry. Returns how many units it has described. Under the SuperSlab lock.
    public abstract int Describe(int unit, DecodedEntry entry, Span<UnitInfo> units);

    // Checks the records of a taken unit: the first of a span, run or range of unitCount units, as its header says. Under
    // the SuperSlab lock.
    public abstract void Verify(HeapCheck check, int unit, DecodedEntry entry, int unitCount);

    // Moves freed blocks that the kind keeps out of reuse to their spans; the blocks freed by the calling thread, whose
    // cache may be null, first. Returns damage that was found on the way, or null.
    public abstract HakmemCorruptionException? Flush(ThreadCache* cache);

    // Drops all records of the kind, because the heap is disposed.
    public abstract void Clear();

    // Requires that the page map has the same entry for all units of a run or range.
    protected static void RequireSameEntries(HeapCheck check, Arena arena, int unit, int unitCount)
    {
        ulong entry = *arena.EntryOf(unit);
        for (int other = unit + 1; other < unit + unitCount; other++)
        {
            check.Require(
                *arena.EntryOf(other) == entry, "all units of a run or range have the same page-map entry",
                (nuint)arena.AddressOfUnit(other), (long)*arena.EntryOf(other));
        }
    }
}

// What an address was found to be.
//   First      small: the first unit of the span; unit run, guarded block: the first unit; SuperSlab run: its first SuperSlab
//   SizeClass  small only
//   Index      small only: the number of the block in its span
//   Bytes      how many bytes the block has
internal readonly record struct BlockInfo(BlockKind Kind, int First, int SizeClass, int Index, nuint Bytes);

// The result of resizing a run in place.
internal enum ResizeResult
{
    // The block has the new size.
    Done,

    // There is no room for the new size. The block has its old size, or is longer than before.
    NoRoom,

    // There is no such block any more, or another thread holds it.
    NotThere,
}

// The blocks of one kind, added up for one reading of a heap's statistics. Made under no lock but the decay's.
internal abstract class KindTotals
{
    public long LiveBlocks { get; protected set; }

    public long LiveBytes { get; protected set; }

    public long CachedBytes { get; protected set; }

    // Reads what changes without the SuperSlab lock; first, under the decay's lock.
    public virtual void ReadFree()
    {
    }

    // Counts one taken unit. isFirst says whether a span, run or range begins with it. Under the SuperSlab lock.
    public virtual void CountUnit(DecodedEntry entry, bool isFirst)
    {
    }

    // Reads counters that the SuperSlab lock guards; last, under it.
    public virtual void ReadUnits()
    {
    }

    // Computes the three figures. Nothing is allocated before: under no lock.
    public abstract void Finish();
}
