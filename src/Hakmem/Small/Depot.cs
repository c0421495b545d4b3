using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// One size class of a heap: the magazines that no thread has, and the spans behind them.
//
//   thread caches <--whole magazines--> full magazines, empty magazines
//                                           | none left        ^ too many, or drained
//                                           v                  |
//                                              spans (SpanSet)
//
// The rejected alternative, an owner thread per span with a list of remote frees, makes the common case of .NET (rent here,
// return there after an await) the slow one.
//
// Thread-safe: one lock, held for the exchange of two pointers in the usual case, for one magazine's worth of bits otherwise, and
// then sometimes for a system call (a new SuperSlab). It is taken under no lock but the registry's and a cache's gate, and above the SuperSlab
// lock. Purging what a return empties is left to whoever caused it, after this lock.
internal sealed unsafe partial class Depot
{
    // Full magazines beyond this many bytes of blocks go back to their spans at once.
    private const int MaxFullBytes = 2 << 20;
    private const int MinFullMagazines = 4;

    // The largest blocks whose pages come together.
    private const int MaxPopulatedBlockBytes = 4096;

    private readonly UnitAllocator _units;
    private readonly MetadataAllocator _metadata;
    private readonly DepotBudget _budget;
    private readonly int _blockBytes;
    private readonly int _refillBlocks;
    private readonly int _maxFullBlocks;
    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock.
    private readonly SpanSet _spans;
    private Magazine* _full;
    private Magazine* _empty;
    private long _blocksInFull;
    private int _fullCount;

    // The fewest full magazines that there have been since the last Reap, which so many were in nobody's way; and whether any was
    // exchanged.
    private int _fewestFull;
    private bool _isUsed;

    public Depot(Arena arena, UnitAllocator units, int heapSlot, SizeClassInfo info, DepotBudget budget, Random? placement = null)
    {
        _budget = budget;
        _blockBytes = info.BlockBytes;
        _units = units;
        _metadata = arena.Metadata;
        _spans = new SpanSet(arena, units, heapSlot, info, placement);
        _refillBlocks = info.RefillCapacity;
        _maxFullBlocks = Math.Max(MaxFullBytes / info.BlockBytes, MinFullMagazines * info.RefillCapacity);
    }

    // Gives a magazine with up to wanted blocks and keeps an empty one of the caller's (null if it has none). Of a full one that has more, so many
    // are moved; where none is left, they come from spans. Null if memory is out: the empty one is then still the caller's. Where the caller is going
    // to use them soon, the pages of those never used before are asked for in one call, if they are small enough for each page to hold the start of one.
    public Magazine* TryTakeFull(Magazine* empty, int wanted, bool isSoonUsed = false)
    {
        FreshRanges fresh = default;
        Magazine* magazine = TryTakeFull(empty, wanted, ref fresh);
        if (isSoonUsed && _blockBytes <= MaxPopulatedBlockBytes)
        {
            // Under no lock: these blocks are the caller's by now.
            for (int i = 0; i < fresh.Count; i++)
            {
                _units.Populate(fresh.StartOf(i), fresh.EndOf(i));
            }
        }

        return magazine;
    }

    private Magazine* TryTakeFull(Magazine* empty, int wanted, ref FreshRanges fresh)
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
                magazine = empty != null && empty->Capacity >= wanted ? empty : TryTakeEmpty(wanted);
                magazine = magazine == null ? empty : magazine;
                if (magazine == null)
                {
                    return null;
                }

                void** slots = Magazine.SlotsOf(magazine);
                int most = Math.Min(wanted, magazine->Capacity);
                magazine->Count = _full != null ? MoveFromFull(slots, most) : _spans.Fill(slots, Math.Min(most, _refillBlocks), ref fresh);
            }

            if (magazine->Count == 0)
            {
                // Memory is out. A magazine of the depot's own stays here, the caller's stays the caller's.
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

    // Gives an empty magazine and keeps a full one of the caller's (null if it has none). The result is null only if none was given
    // and memory is out. A block found to be free already is dropped and its address reported.
    public Magazine* TryTakeEmpty(Magazine* full, int wanted, out nuint corruptAddress)
    {
        corruptAddress = 0;
        bool isRepeated = full != null && Magazines.HasRepeated(full);
        using (_lock.Enter())
        {
            _isUsed = true;
            if (full == null)
            {
                return TryTakeEmpty(wanted);
            }

            Magazine* empty = !isRepeated && _blocksInFull + full->Count <= _maxFullBlocks ? TryTakeEmpty(wanted) : null;
            if (empty == null)
            {
                // Too many full ones, no memory for an empty one, or a block that was freed twice: this one's blocks go
                // to their spans.
                corruptAddress = Flush(full);
                return full;
            }

            PushFull(full);
            CountFull(full->Count);
            return empty;
        }
    }

    // Keeps a magazine, whatever it holds.
    public void Put(Magazine* magazine)
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

    // Takes one block without a magazine; isZero says whether its memory is known to be zero. Null if memory is out.
    public void* TryAllocOne(out bool isZero)
    {
        using (_lock.Enter())
        {
            Magazine* full = _full;
            if (full == null)
            {
                return _spans.TryAllocOne(out isZero);
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

    // Returns one block straight to its span. False if it is not out.
    public bool TryFreeOne(void* block)
    {
        using (_lock.Enter())
        {
            return _spans.TryFree(block);
        }
    }

    // Whether a block lies free in its span, or its span is there no more.
    public bool IsFree(void* block)
    {
        using (_lock.Enter())
        {
            return !_spans.IsOut(block);
        }
    }

    // Returns blocks straight to their spans. Gives the address of one that was not out, or 0.
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
            return (_spans.BlocksOut, _blocksInFull, _spans.Count);
        }
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
                blocks <= _blocksInFull && blocks <= _spans.BlocksOut, "the blocks of a depot's magazines have left their spans",
                (nuint)_full, blocks);
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

    private static void Push(ref Magazine* list, Magazine* magazine)
    {
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
        Push(ref _full, magazine);
        _fullCount++;
    }

    private Magazine* PopFull()
    {
        _fullCount--;
        _fewestFull = Math.Min(_fewestFull, _fullCount);
        return Pop(ref _full);
    }

    // The newest blocks of the newest full magazine, which has more; gives their number.
    private int MoveFromFull(void** slots, int count)
    {
        Magazine* full = _full;
        full->Count -= count;
        CountFull(-count);
        _fewestFull = Math.Min(_fewestFull, _fullCount - 1);
        Buffer.MemoryCopy(Magazine.SlotsOf(full) + full->Count, slots, (long)count * sizeof(void*), (long)count * sizeof(void*));
        return count;
    }

    private void CountFull(long blocks)
    {
        _blocksInFull += blocks;
        _budget.Add(blocks * _blockBytes);
    }

    private Magazine* TryTakeEmpty(int wanted)
    {
        while (_empty != null)
        {
            Magazine* magazine = Pop(ref _empty);
            if (magazine->Capacity >= wanted)
            {
                return magazine;
            }

            // From when its thread's capacity was small; the sizes in use only grow, so it would stay in the way.
            Magazines.Destroy(_metadata, magazine);
        }

        return Magazines.TryCreate(_metadata, wanted);
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
            if (!_spans.TryFree(blocks[i]))
            {
                corruptAddress = (nuint)blocks[i];
            }
        }

        return corruptAddress;
    }
}
