using System;
using Hakmem.Records;

namespace Hakmem.Pages;

// The contract of a kind of block: small blocks, unit runs, SuperSlab runs, guarded blocks, and the small blocks of
// hardened heaps. Each heap has one object of each kind (Heaps/BlockKinds.cs lists them). A new kind compiles only when
// it implements everything below. The two inlined fast paths of HakmemAllocator do not call this.
//
// Thread-safe: each kind decides races between frees and resizes of the same block, which are bugs of the program, by
// its own locks.
internal abstract unsafe class BlockKind
{
    // The kind of such units in the public heap map.
    public abstract UnitKind MapKind { get; }

    // Whether freed blocks pass a quarantine before they reach their spans.
    public virtual bool HasQuarantine => false;

    // Returns a block, or null if memory is out. cache is the calling thread's, or null. Throws
    // HakmemCorruptionException for a damaged free block, which is back in its span then.
    public abstract void* TryAllocate(ThreadCache* cache, nuint byteCount, nuint alignment, bool isZeroed);

    // Returns the bytes that a block for a request has, at least as many as requested; a second request for so many
    // gets a block of the same size. The request is not larger than the arena.
    public abstract nuint GoodSize(nuint byteCount);

    // Describes the block that begins at an address, live or free. entry is the page map's entry for the address.
    // Throws HakmemCorruptionException unless a block of this heap and kind begins there. The result cannot change for
    // a block that the caller owns; for any other it is of one moment, and members that use it check again.
    public abstract BlockInfo Resolve(void* address, DecodedEntry entry, string operation);

    // Throws HakmemCorruptionException if the records of the kind say that a resolved block is free.
    public abstract void RequireLive(ThreadCache* cache, BlockInfo block, void* address, string operation);

    // Returns the error for a resolved block that is free already.
    public abstract HakmemCorruptionException FreedAlready(BlockInfo block, void* address, string operation);

    // Frees a resolved block. Throws HakmemCorruptionException if it is free already. Returns a finding about another
    // block, or null; the block is free in either case.
    public abstract HakmemCorruptionException? Free(ThreadCache* cache, BlockInfo block, void* address);

    // Resizes a resolved block in place.
    public abstract ResizeResult TryResizeInPlace(
        BlockInfo block, void* address, nuint byteCount, bool mayShrink = true);

    // Holds the block at an address, so that no other thread can free or resize it while its bytes are copied or its
    // pages moved under no lock. Returns the block as it is now. Kinds that need no hold return false. Throws
    // HakmemCorruptionException if the block is free, or another thread holds it.
    public abstract bool TryHold(void* address, string operation, out BlockInfo block);

    // Ends the hold.
    public abstract void Unhold(BlockInfo block, void* address);

    // Frees a block that the calling thread holds. Returns as Free does.
    public abstract HakmemCorruptionException? FreeHeld(BlockInfo block, void* address);

    // Moves the pages of a held block to a larger one and frees it. Returns null, and changes nothing, if it cannot.
    public virtual void* TryMoveHeld(BlockInfo block, nuint byteCount) => null;

    // Returns an object for one sum over the blocks of this kind. Under the decay's lock.
    public abstract KindTotals NewTotals();

    // Describes units for the heap map, from the first one not described yet; entry is its page-map entry. Returns how
    // many it described. Under the SuperSlab lock.
    public abstract int Describe(int unit, DecodedEntry entry, Span<UnitInfo> units);

    // Checks the records of a span, run or range of unitCount units, which begins at a taken unit. Under the SuperSlab
    // lock.
    public abstract void Verify(HeapCheck check, int unit, DecodedEntry entry, int unitCount);

    // Moves freed blocks that the kind keeps out of reuse to their spans, beginning with those of the calling thread,
    // whose cache may be null. Returns damage found on the way, or null.
    public abstract HakmemCorruptionException? Flush(ThreadCache* cache);

    // Whether no thread is within a free of a block that no longer counts as live. Asked after the count.
    public virtual bool IsIdle => true;

    // Removes all records of the kind, because the heap is disposed.
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

// A resolved block.
//   First      the first unit; of a SuperSlab run, the first SuperSlab; of a small block, the first unit of its span
//   BinIndex   small blocks only: the size class, or the stripe's bin of it (see Stripe)
//   Index      small blocks only: the number of the block in its span
//   Bytes      the size of the block
internal readonly record struct BlockInfo(BlockKind Kind, int First, int BinIndex, int Index, nuint Bytes);

// The result of resizing a run in place.
internal enum ResizeResult
{
    // The block has the new size.
    Done,

    // There is no room for the new size. The block has its old size, or is larger than before.
    NoRoom,

    // No block begins there any more, or another thread holds it.
    NotThere,
}

// The sums over the blocks of one kind, for one reading of the statistics. Created under the decay's lock.
internal abstract class KindTotals
{
    public long LiveBlocks { get; protected set; }

    public long LiveBytes { get; protected set; }

    public long CachedBytes { get; protected set; }

    // The bytes of taken units that are decommitted. Final after ReadUnits.
    public long UncommittedBytes { get; protected set; }

    // Reads the figures that the SuperSlab lock does not guard. The first step, under the decay's lock.
    public virtual void ReadFree()
    {
    }

    // Counts one taken unit. isFirst says whether a span, run or range begins there. Under the SuperSlab lock.
    public virtual void CountUnit(DecodedEntry entry, bool isFirst)
    {
    }

    // Reads counters that the SuperSlab lock guards. Called after the units, under it.
    public virtual void ReadUnits()
    {
    }

    // Computes the three figures. It may allocate managed memory, and is called under no lock.
    public abstract void Finish();
}
