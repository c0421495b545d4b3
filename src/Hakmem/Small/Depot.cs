using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// One size class of a heap: the magazines that no thread has loaded, and the spans behind them.
//
//   thread caches <--whole magazines--> full magazines, empty magazines
//                                           | none left        ^ too many, or flushed
//                                           v                  |
//                                              spans (SpanSet)
//
// The rejected alternative, an owner thread per span with a list of remote frees, makes the common case of .NET (rent
// here, return there after an await) the slow one.
//
// Thread-safe: one lock, held for the exchange of two pointers in the usual case, for one magazine's worth of bits
// otherwise, and then sometimes for a system call (a new SuperSlab). It is taken under no lock but the registry's and a
// cache's gate, and above the SuperSlab lock. The caller purges what a free has emptied, after this lock.
//
// Invariants: (1) each magazine in _full has blocks, each in _empty has none, and neither has holes; (2) _fullCount is
// the length of _full; (3) 0 <= _fewestFull <= _fullCount; (4) _blocksInFull is the sum of the counts in _full, and of
// those that Reap has detached and not flushed yet.
internal sealed unsafe class Depot
{
    // Full magazines beyond this many bytes of blocks are flushed to their spans at once.
    private const int MaxFullBytes = 2 << 20;
    private const int MinFullMagazines = 4;

    // The largest blocks whose pages are populated in advance.
    private const int MaxPopulatedBlockBytes = 4096;

    private readonly UnitAllocator _units;
    private readonly MetadataAllocator _metadata;
    private readonly DepotBudget _budget;
    private readonly int _blockBytes;
    private readonly int _refillBlocks;
    private readonly int _maxFullBlocks;
    private readonly UninterruptibleLock _lock = new();

    // All fields below are guarded by _lock; each private method that uses them checks it.
    private readonly SpanSet _spans;
    private Magazine* _full;
    private Magazine* _empty;
    private long _blocksInFull;
    private int _fullCount;

    // Low-water mark of _fullCount since the last Reap: that many magazines were not needed.
    private int _fewestFull;

    // Whether a magazine was exchanged since the last Reap.
    private bool _isUsed;

    public Depot(
        Arena arena, UnitAllocator units, int heapSlot, SizeClassInfo info, DepotBudget budget,
        Random? placement = null)
    {
        _budget = budget;
        _blockBytes = info.BlockBytes;
        _units = units;
        _metadata = arena.Metadata;
        _spans = new SpanSet(arena, units, heapSlot, info, placement);
        _refillBlocks = info.RefillCapacity;
        _maxFullBlocks = Math.Max(MaxFullBytes / info.BlockBytes, MinFullMagazines * info.RefillCapacity);
    }

    // Checks the spans of the class, of those that the check has noted, and the full magazines.
    public void Verify(HeapCheck check, int sizeClass)
    {
        using (_lock.Enter())
        {
            int partial = 0;
            for (int i = 0; i < check.SpanCount; i++)
            {
                (int noted, int unit) = check.SpanAt(i);
                partial += noted == sizeClass && _spans.Verify(check, unit) ? 1 : 0;
            }

            _spans.VerifyList(check, partial);
            int magazines = 0;
            long blocks = 0;
            for (Magazine* magazine = _full; magazine != null && magazines <= _fullCount; magazine = magazine->Next)
            {
                magazines++;
                blocks += magazine->Count;
            }

            check.Require(magazines == _fullCount, "a depot counts its full magazines", (nuint)_full, magazines);
            check.Require(
                blocks <= _blocksInFull && blocks <= _spans.BlocksOut,
                "the blocks of a depot's magazines have left their spans", (nuint)_full, blocks);
        }
    }

    // Whether there are blocks in full magazines.
    public bool HasBlocks
    {
        get
        {
            using (_lock.Enter())
            {
                return _blocksInFull > 0;
            }
        }
    }

    // For SpanSet, which has no lock of its own.
    private SpanSet Spans
    {
        get
        {
            _lock.AssertHeld();
            return _spans;
        }
    }

    // Returns a magazine with up to wanted blocks and keeps the caller's empty one (null if it has none). Blocks beyond
    // wanted stay in the depot; if it has no full magazine, the blocks come from spans. Null if memory is out: the
    // empty one is then still the caller's. If isSoonUsed, pages of blocks never used before are populated in one call,
    // unless the blocks are so large that a page may hold the start of none.
    public Magazine* ExchangeForFull(Magazine* empty, int wanted, bool isSoonUsed = false)
    {
        FreshRanges fresh = default;
        Magazine* magazine = TakeOrFill(empty, wanted, ref fresh);
        if (isSoonUsed && _blockBytes <= MaxPopulatedBlockBytes)
        {
            // Under no lock: the blocks belong to the caller by now.
            for (int i = 0; i < fresh.Count; i++)
            {
                _units.Populate(fresh.StartOf(i), fresh.EndOf(i));
            }
        }

        return magazine;
    }

    // Returns an empty magazine and keeps the caller's full one (null if it has none). The result is null only if none
    // was passed and memory is out. Drops a block that was found to be free already and reports its address.
    public Magazine* ExchangeForEmpty(Magazine* full, int wanted, out nuint corruptAddress)
    {
        corruptAddress = 0;
        bool isRepeated = full != null && Magazines.HasRepeated(full);
        using (_lock.Enter())
        {
            _isUsed = true;
            if (full == null)
            {
                return PopOrCreateEmpty(wanted);
            }

            Magazine* empty = !isRepeated && _blocksInFull + full->Count <= _maxFullBlocks
                ? PopOrCreateEmpty(wanted)
                : null;
            if (empty == null)
            {
                // Too many full ones, no memory for an empty one, or a block that was freed twice.
                corruptAddress = Flush(full);
                return full;
            }

            PushFull(full);
            CountFull(full->Count);
            return empty;
        }
    }

    // Keeps a magazine with any number of blocks.
    public void Add(Magazine* magazine)
    {
        using (_lock.Enter())
        {
            CountFull(magazine->Count);
            if (magazine->Count == 0)
            {
                Push(ref _empty, magazine);
            }
            else
            {
                PushFull(magazine);
            }
        }
    }

    // Allocates one block; isZero says whether its memory is known to be zero. Null if memory is out, or, unless
    // mayGrow, if the depot has no block.
    public void* TryAllocOne(out bool isZero, bool mayGrow = true)
    {
        using (_lock.Enter())
        {
            Magazine* full = _full;
            if (full == null)
            {
                return Spans.TryAllocOne(out isZero, mayGrow);
            }

            isZero = false;
            void* block = Magazine.SlotsOf(full)[--full->Count];
            CountFull(-1);
            _fewestFull = Math.Min(_fewestFull, _fullCount - 1);
            if (full->Count == 0)
            {
                Push(ref _empty, PopFull());
            }

            return block;
        }
    }

    // Frees one block to its span. False if the block is free already.
    public bool TryFreeOne(void* block)
    {
        using (_lock.Enter())
        {
            return Spans.TryFree(block);
        }
    }

    // Whether a block is free in its span, or its span no longer exists.
    public bool IsFree(void* block)
    {
        using (_lock.Enter())
        {
            return !Spans.IsAllocated(block);
        }
    }

    // Frees blocks to their spans. Returns the address of one that was free already, or 0.
    public nuint FreeMany(void** blocks, int count)
    {
        using (_lock.Enter())
        {
            return FreeAll(blocks, count);
        }
    }

    // Blocks outside spans, those of them in the depot's magazines, and the number of spans.
    public (long BlocksOut, long BlocksHere, int Spans) Count()
    {
        using (_lock.Enter())
        {
            return (Spans.BlocksOut, _blocksInFull, Spans.Count);
        }
    }

    // Flushes the full magazines that were not needed since the last call, the oldest first; if no magazine was
    // exchanged meanwhile, frees the empty ones as well. Returns the number of flushed magazines; corruptAddress is
    // that of a block found free already, or 0.
    public int Reap(out nuint corruptAddress)
    {
        corruptAddress = 0;
        Magazine* reaped;
        using (_lock.Enter())
        {
            reaped = DetachOldest(_fewestFull);
            _fewestFull = _fullCount;
            if (!_isUsed)
            {
                DestroyAll(ref _empty);
            }

            _isUsed = false;
        }

        // The lock is released between magazines, so that no thread waits long. Their blocks stay counted until then.
        int count = 0;
        while (reaped != null)
        {
            Magazine* next = reaped->Next;
            using (_lock.Enter())
            {
                CountFull(-reaped->Count);
                nuint found = Flush(reaped);
                corruptAddress = found != 0 ? found : corruptAddress;
                Magazines.Destroy(_metadata, reaped);
            }

            reaped = next;
            count++;
        }

        return count;
    }

    // Flushes all full magazines and frees the empty ones. Returns the address of a block found free already, or 0.
    public nuint FlushAll()
    {
        using (_lock.Enter())
        {
            nuint corruptAddress = 0;
            while (_full != null)
            {
                Magazine* magazine = PopFull();
                CountFull(-magazine->Count);
                nuint found = Flush(magazine);
                corruptAddress = found != 0 ? found : corruptAddress;
                Magazines.Destroy(_metadata, magazine);
            }

            Debug.Assert(_fullCount == 0 && _fewestFull == 0, "A depot without full magazines counts some.");
            DestroyAll(ref _empty);
            return corruptAddress;
        }
    }

    // Forgets all blocks, because the heap releases their memory as a whole.
    public void Clear()
    {
        using (_lock.Enter())
        {
            DestroyAll(ref _full);
            DestroyAll(ref _empty);
            _fullCount = 0;
            _fewestFull = 0;
            Spans.Clear();
            CountFull(-_blocksInFull);
        }
    }

    // ExchangeForFull under the lock; fresh returns where blocks never used before were carved.
    private Magazine* TakeOrFill(Magazine* empty, int wanted, ref FreshRanges fresh)
    {
        using (_lock.Enter())
        {
            Magazine* magazine = _full;
            _isUsed = true;
            if (magazine != null && magazine->Count <= wanted)
            {
                PopFull();
                CountFull(-magazine->Count);
            }
            else
            {
                magazine = empty != null && empty->Capacity >= wanted ? empty : PopOrCreateEmpty(wanted);
                magazine = magazine == null ? empty : magazine;
                if (magazine == null)
                {
                    return null;
                }

                void** slots = Magazine.SlotsOf(magazine);
                int most = Math.Min(wanted, magazine->Capacity);
                magazine->Count = _full != null
                    ? MoveFromFull(slots, most)
                    : Spans.AllocMany(slots, Math.Min(most, _refillBlocks), ref fresh);
            }

            if (magazine->Count == 0)
            {
                // Memory is out. The depot's own magazine stays here; the caller's stays the caller's.
                if (magazine != empty)
                {
                    Push(ref _empty, magazine);
                }

                return null;
            }

            if (empty != null && empty != magazine)
            {
                Push(ref _empty, empty);
            }

            return magazine;
        }
    }

    private static void Push(ref Magazine* list, Magazine* magazine)
    {
        Debug.Assert(magazine->Holes == 0, "A magazine with holes enters the depot.");
        magazine->Next = list;
        list = magazine;
    }

    private static Magazine* Pop(ref Magazine* list)
    {
        Magazine* magazine = list;
        list = magazine->Next;
        return magazine;
    }

    private void PushFull(Magazine* magazine)
    {
        _lock.AssertHeld();
        Debug.Assert(magazine->Count > 0, "An empty magazine enters the list of full ones.");
        Push(ref _full, magazine);
        _fullCount++;
    }

    private Magazine* PopFull()
    {
        _lock.AssertHeld();
        Debug.Assert(_fullCount > 0 && _fewestFull <= _fullCount, "The count of full magazines is wrong.");
        _fullCount--;
        _fewestFull = Math.Min(_fewestFull, _fullCount);
        return Pop(ref _full);
    }

    // Moves the newest blocks of the newest full magazine, which has more than count; returns count.
    private int MoveFromFull(void** slots, int count)
    {
        _lock.AssertHeld();
        Magazine* full = _full;
        Debug.Assert(full->Count > count, "The full magazine should have been exchanged as a whole.");
        full->Count -= count;
        CountFull(-count);
        _fewestFull = Math.Min(_fewestFull, _fullCount - 1);
        long bytes = (long)count * sizeof(void*);
        Buffer.MemoryCopy(Magazine.SlotsOf(full) + full->Count, slots, bytes, bytes);
        return count;
    }

    private void CountFull(long blocks)
    {
        _lock.AssertHeld();
        _blocksInFull += blocks;
        Debug.Assert(_blocksInFull >= 0, "More blocks left the full magazines than entered them.");
        _budget.Add(blocks * _blockBytes);
    }

    private Magazine* PopOrCreateEmpty(int wanted)
    {
        _lock.AssertHeld();
        while (_empty != null)
        {
            Magazine* magazine = Pop(ref _empty);
            Debug.Assert(magazine->Count == 0, "A magazine in the list of empty ones has blocks.");
            if (magazine->Capacity >= wanted)
            {
                return magazine;
            }

            // It was created when its thread's capacity was small. The capacities in use only grow, so it goes.
            Magazines.Destroy(_metadata, magazine);
        }

        return Magazines.TryCreate(_metadata, wanted);
    }

    // Takes the oldest full magazines off the list.
    private Magazine* DetachOldest(int count)
    {
        _lock.AssertHeld();
        Debug.Assert(count >= 0 && count <= _fullCount, "The low-water mark exceeds the number of full magazines.");
        int kept = _fullCount - count;
        _fullCount = kept;
        Magazine* reaped = _full;
        if (kept == 0)
        {
            _full = null;
            return reaped;
        }

        Magazine* last = _full;
        for (int i = 1; i < kept; i++)
        {
            last = last->Next;
        }

        reaped = last->Next;
        last->Next = null;
        return reaped;
    }

    private void DestroyAll(ref Magazine* list)
    {
        _lock.AssertHeld();
        while (list != null)
        {
            Magazines.Destroy(_metadata, Pop(ref list));
        }
    }

    private nuint Flush(Magazine* magazine)
    {
        nuint corruptAddress = FreeAll(Magazine.SlotsOf(magazine), magazine->Count);
        magazine->Count = 0;
        return corruptAddress;
    }

    private nuint FreeAll(void** blocks, int count)
    {
        nuint corruptAddress = 0;
        for (int i = 0; i < count; i++)
        {
            if (!Spans.TryFree(blocks[i]))
            {
                corruptAddress = (nuint)blocks[i];
            }
        }

        return corruptAddress;
    }
}
