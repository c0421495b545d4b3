using System;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// The spans of one size class of a heap: allocates and frees blocks by bits in out-of-band bitmaps.
//
// Spans with free blocks are in lists by the number of blocks that are out: 1, 2, 4, 8 .. of them or more, the one that
// entered it last first. The fullest are used first, so that the emptiest drain. A span without free blocks is in no
// list; the next free of one of its blocks puts it back. A span whose blocks are all free is removed and its units are
// freed. Freed blocks are allocated before blocks that were never used, lowest address first: untouched memory stays
// so. Free pages of spans are discarded with time (SpanPages).
//
// With full hardening, placement is random instead: a new span is poisoned as a whole and all its blocks are marked
// free, so that each free block holds poison, and the next block allocated is any of a span's free ones. All spans are
// then in one list, since the fullest have the fewest places to choose from, and no page is discarded.
//
// Invariants: (1) a span is in a list exactly if its FreeCount is above 0, and then in that of its Fill; (2) FreeCount
// is the number of set bits plus the blocks from Carved on; (3) no bit is set from Carved on, nor in a word before
// FirstFreeWord.
//
// Not thread-safe: a SpanSet belongs to a depot, whose property Spans checks that its lock is held. placement is the
// source of random placement, or null.
internal sealed unsafe class SpanSet(
    Arena arena, UnitAllocator units, int heapSlot, SizeClassInfo info, Random? placement = null)
{
    // The first units of the first spans of the lists, for each list in use; FirstPartial says which are.
    private readonly int[] _heads = new int[BitOperations.Log2((uint)info.BlocksPerSpan) + 1];

    // A bit for each list that is not empty.
    private uint _fillsInUse;

    // Null if free pages of spans stay.
    private readonly SpanPages? _pages =
        placement == null && units.DiscardsPages ? new SpanPages(arena, info) : null;

    // Whether the page map leads frees of new spans' blocks to stacked bins: false while the heap is profiled.
    private bool _isStacked = info.IsStacked;

    // Blocks that callers hold or that are in magazines.
    public long BlocksOut { get; private set; }

    public int Count { get; private set; }

    // How many spans may have free pages to discard.
    public int QueuedCount => _pages?.QueuedCount ?? 0;

    // The fullest span with a free block, by the list that it is in; -1 if there is none.
    private int FirstPartial => _fillsInUse == 0 ? -1 : _heads[BitOperations.Log2(_fillsInUse)];

    // Lets the free pages of one span grow older and discards those that have been free for the delay. False if no span
    // has any.
    public bool PurgeNext(long now, long delayMs, ref PagePurge purge) =>
        _pages is not null && _pages.PurgeNext(now, delayMs, ref purge);

    // Allocates up to wanted blocks into slots, such that the last slot has the lowest address (with random placement,
    // in any order), and returns their number. Creates a new span only for the first half of wanted: a few blocks of
    // old spans are better than a full magazine of a new one. Adds the ranges of blocks never used before to fresh, and
    // those of discarded pages.
    public int AllocMany(void** slots, int wanted, ref FreshRanges fresh)
    {
        int position = wanted;
        while (position > 0)
        {
            if (_fillsInUse == 0 && (wanted - position > wanted / 2 || !TryAddSpan()))
            {
                break;
            }

            int unit = FirstPartial;
            SpanHeader* span = arena.Span(unit);
            AssertConsistent(span);
            if (placement != null)
            {
                AllocRandom(placement, unit, span, slots, ref position);
            }
            else
            {
                AllocFreed(unit, span, slots, ref position, ref fresh);
            }

            byte* address = arena.AddressOfUnit(unit);
            byte* start = address + ((long)span->Carved * info.BlockBytes);
            while (position > 0 && span->Carved < info.BlocksPerSpan)
            {
                slots[--position] = address + ((long)span->Carved++ * info.BlockBytes);
                span->FreeCount--;
            }

            byte* end = address + ((long)span->Carved * info.BlockBytes);
            if (end > start)
            {
                if (span->HasPageMarks)
                {
                    _pages!.Use(unit, (int)(start - address), (int)(end - address), ref fresh);
                }

                if (span->IsFresh)
                {
                    fresh.Add(start, end);
                }
            }

            Relist(unit, span);
        }

        int count = wanted - position;
        if (placement != null)
        {
            Shuffle(placement, slots + position, count);
        }

        Buffer.MemoryCopy(slots + position, slots, (long)count * sizeof(void*), (long)count * sizeof(void*));
        BlocksOut += count;
        return count;
    }

    // Allocates one block, a new one if the fullest span has any; isZero says whether it is known to be zero. Null if
    // memory is out, or, unless mayGrow, if no span has a block.
    public void* TryAllocOne(out bool isZero, bool mayGrow = true)
    {
        isZero = false;
        FreshRanges fresh = default;
        if (_fillsInUse == 0 && !(mayGrow && TryAddSpan()))
        {
            return null;
        }

        int unit = FirstPartial;
        SpanHeader* span = arena.Span(unit);
        AssertConsistent(span);
        void* block;
        if (placement != null)
        {
            block = AllocRandom(placement, unit, span);
        }
        else if (span->Carved < info.BlocksPerSpan)
        {
            isZero = span->IsFresh;
            int start = span->Carved++ * info.BlockBytes;
            block = arena.AddressOfUnit(unit) + start;
            span->FreeCount--;
            if (span->HasPageMarks)
            {
                _pages!.Use(unit, start, start + info.BlockBytes, ref fresh);
            }
        }
        else
        {
            int position = 1;
            AllocFreed(unit, span, &block, ref position, ref fresh);
        }

        Relist(unit, span);
        BlocksOut++;
        return block;
    }

    // Whether a block of this set's spans is outside its span: a caller's, or in a magazine.
    public bool IsAllocated(void* block) => TryFindAllocated(block, out _, out _);

    // Frees a block to its span. False, and nothing changes, if IsAllocated is false.
    public bool TryFree(void* block)
    {
        if (!TryFindAllocated(block, out int unit, out int index))
        {
            return false;
        }

        SpanHeader* span = arena.Span(unit);
        arena.Bitmap(unit)[index >> 6] |= 1UL << index;
        BlocksOut--;
        if (span->FreeCount++ == 0)
        {
            span->FirstFreeWord = (byte)(index >> 6);
            Link(unit, span);
        }
        else
        {
            span->FirstFreeWord = (byte)Math.Min(span->FirstFreeWord, index >> 6);
        }

        int blocksOut = info.BlocksPerSpan - span->FreeCount;
        if (blocksOut == 0)
        {
            RemoveSpan(unit, span);
            return true;
        }

        // One less than a power of two: the span is in the list of fuller ones.
        if ((blocksOut & (blocksOut + 1)) == 0)
        {
            Relist(unit, span);
        }

        _pages?.Freed(unit, span);
        return true;
    }

    // Lets new spans' entries lead to paired bins, or to the class's own form again.
    public void SetPaired(bool isPaired) => _isStacked = info.IsStacked && !isPaired;

    // Gives the entries of a span that was there a moment ago the current form. Other threads read them meanwhile: a
    // cache of the other form then sends the free to its slow path (see FreeSide).
    public void RewriteEntries(int unit)
    {
        DecodedEntry entry = PageMapEntry.Decode(*arena.EntryOf(unit));
        nuint address = (nuint)arena.AddressOfUnit(unit);
        if (entry.Kind == EntryKind.Span && entry.HeapSlot == heapSlot && entry.BinIndex == info.Index &&
            entry.Address == address)
        {
            arena.SetEntries(
                unit, info.SpanUnits, PageMapEntry.ForSpan(heapSlot, address, info.Index, _isStacked));
        }
    }

    // Forgets all spans, because the heap releases their memory as a whole.
    public void Clear()
    {
        _fillsInUse = 0;
        BlocksOut = 0;
        Count = 0;
        _pages?.Clear();
    }

    private bool TryFindAllocated(void* block, out int unit, out int index)
    {
        // SAFETY: Free has checked each pointer in a magazine against the page map, so the entry is that of a span of
        // this class, or, after a double free removed the span, zero or another span's: those are refused.
        DecodedEntry entry = PageMapEntry.Decode(*arena.EntryOf(arena.UnitOf((nuint)block)));
        unit = -1;
        index = -1;
        if (entry.HeapSlot != heapSlot || entry.BinIndex != info.Index)
        {
            return false;
        }

        unit = arena.UnitOf(entry.Address);
        index = (int)Math.BigMul((nuint)block - entry.Address, info.Reciprocal, out ulong remainder);
        return remainder < info.Reciprocal &&
            index < arena.Span(unit)->Carved && (arena.Bitmap(unit)[index >> 6] & (1UL << index)) == 0;
    }

    private void AllocFreed(int unit, SpanHeader* span, void** slots, ref int position, ref FreshRanges fresh)
    {
        ulong* bitmap = arena.Bitmap(unit);
        byte* address = arena.AddressOfUnit(unit);
        int words = (span->Carved + 63) >> 6;
        int word = span->FirstFreeWord;
        int taken = position;
        bool hasPageMarks = span->HasPageMarks;
        for (; word < words && position > 0; word++)
        {
            ulong bits = bitmap[word];
            while (bits != 0 && position > 0)
            {
                int index = (word << 6) + BitOperations.TrailingZeroCount(bits);
                slots[--position] = address + ((long)index * info.BlockBytes);
                bits &= bits - 1;
                if (hasPageMarks)
                {
                    _pages!.Use(unit, index * info.BlockBytes, (index + 1) * info.BlockBytes, ref fresh);
                }
            }

            bitmap[word] = bits;
            if (bits != 0)
            {
                break;
            }
        }

        span->FirstFreeWord = (byte)word;
        span->FreeCount -= taken - position;
    }

    // Allocates random free blocks of a span until it has none or the first slot is filled; Shuffle follows.
    private void AllocRandom(Random random, int unit, SpanHeader* span, void** slots, ref int position)
    {
        while (span->FreeCount > position && position > 0)
        {
            slots[--position] = AllocRandom(random, unit, span);
        }

        // All the free blocks: mostly one or two, since a span that enters the list is used next.
        if (position > 0)
        {
            FreshRanges none = default;
            AllocFreed(unit, span, slots, ref position, ref none);
        }
    }

    private static void Shuffle(Random random, void** slots, int count)
    {
        for (int left = count; left > 1; left--)
        {
            int drawn = random.Next(left);
            void* last = slots[left - 1];
            slots[left - 1] = slots[drawn];
            slots[drawn] = last;
        }
    }

    // The span has a free block, and all its blocks are carved. One random number selects the word and the block in it.
    private void* AllocRandom(Random random, int unit, SpanHeader* span)
    {
        Debug.Assert(span->FreeCount > 0 && span->Carved == info.BlocksPerSpan, "The span has no random block.");
        ulong* bitmap = arena.Bitmap(unit);
        int words = (info.BlocksPerSpan + 63) >> 6;
        uint drawn = (uint)random.Next();
        int word = (int)(((drawn & 0xFFFF) * (uint)words) >> 16);
        while (bitmap[word] == 0)
        {
            word = word + 1 == words ? 0 : word + 1;
        }

        // The first free block from the drawn one on; the drawn one itself while most of the word is free.
        int start = (int)((drawn >> 16) & 63);
        int bit = (start + BitOperations.TrailingZeroCount(BitOperations.RotateRight(bitmap[word], start))) & 63;
        bitmap[word] ^= 1UL << bit;
        span->FreeCount--;
        return arena.AddressOfUnit(unit) + ((long)((word << 6) + bit) * info.BlockBytes);
    }

    private void MarkAllFree(int unit, SpanHeader* span)
    {
        Poison.Fill(arena.AddressOfUnit(unit), (nuint)info.SpanBlockBytes);
        ulong* bitmap = arena.Bitmap(unit);
        for (int index = 0; index < info.BlocksPerSpan; index++)
        {
            bitmap[index >> 6] |= 1UL << index;
        }

        span->Carved = info.BlocksPerSpan;
        span->IsFresh = false;
    }

    private bool TryAddSpan()
    {
        if (!units.TryAllocate(info.SpanUnits, isGrowable: false, out int unit, out bool isFresh))
        {
            return false;
        }

        SpanHeader* span = arena.Span(unit);
        span->FreeCount = info.BlocksPerSpan;
        span->Carved = 0;
        span->FirstFreeWord = 0;
        span->UnitCount = info.SpanUnits;
        span->IsFresh = isFresh;
        SpanPages.ClearMarks(arena, unit, info.SpanUnits);
        Unsafe.InitBlock(arena.Bitmap(unit), 0, (uint)((info.BlocksPerSpan + 63) >> 6) * sizeof(ulong));
        if (placement != null)
        {
            MarkAllFree(unit, span);
        }

        nuint address = (nuint)arena.AddressOfUnit(unit);
        arena.SetEntries(
            unit, info.SpanUnits, PageMapEntry.ForSpan(heapSlot, address, info.Index, _isStacked));
        Link(unit, span);
        _pages?.Open(unit, span);
        Count++;
        return true;
    }

    private void RemoveSpan(int unit, SpanHeader* span)
    {
        Debug.Assert(Count > 0 && BlocksOut >= 0, "More spans or blocks left the set than entered it.");
        Unlink(unit, span);
        _pages?.Close(unit, span);
        arena.SetEntries(unit, info.SpanUnits, 0);
        Count--;
        units.Free(unit, info.SpanUnits);
    }

    [Conditional("DEBUG")]
    private void AssertConsistent(SpanHeader* span)
    {
        int afterCarved = info.BlocksPerSpan - span->Carved;
        Debug.Assert(afterCarved >= 0, "A span has more blocks than fit.");
        Debug.Assert(span->FreeCount > 0 && span->FreeCount >= afterCarved, "A span in the list has no free block.");
        Debug.Assert(span->FreeCount <= info.BlocksPerSpan, "A span has more free blocks than blocks.");
    }

    private int FillOf(SpanHeader* span) =>
        placement != null ? 0 : BitOperations.Log2((uint)(info.BlocksPerSpan - span->FreeCount) | 1);

    // After a listed span's count of free blocks has changed.
    private void Relist(int unit, SpanHeader* span)
    {
        if (span->FreeCount == 0)
        {
            Unlink(unit, span);
        }
        else if (FillOf(span) != span->Fill)
        {
            Unlink(unit, span);
            Link(unit, span);
        }
    }

    private void Link(int unit, SpanHeader* span)
    {
        int fill = FillOf(span);
        int head = (_fillsInUse & (1u << fill)) != 0 ? _heads[fill] : -1;
        span->Fill = (byte)fill;
        span->Next = head;
        span->Previous = -1;
        if (head >= 0)
        {
            arena.Span(head)->Previous = unit;
        }

        _heads[fill] = unit;
        _fillsInUse |= 1u << fill;
    }

    private void Unlink(int unit, SpanHeader* span)
    {
        if (span->Previous >= 0)
        {
            arena.Span(span->Previous)->Next = span->Next;
        }
        else if (span->Next >= 0)
        {
            _heads[span->Fill] = span->Next;
        }
        else
        {
            _fillsInUse &= ~(1u << span->Fill);
        }

        if (span->Next >= 0)
        {
            arena.Span(span->Next)->Previous = span->Previous;
        }
    }

    // Checks the records of a span that was there a moment ago, and counts it if it is there with free blocks, or in
    // the queue of those that may have free pages.
    public void Verify(HeapCheck check, int unit, ref int partial, ref int queued)
    {
        byte* address = arena.AddressOfUnit(unit);
        DecodedEntry entry = PageMapEntry.Decode(*arena.EntryOf(unit));
        bool isThere = entry.Kind == EntryKind.Span && entry.HeapSlot == heapSlot && entry.BinIndex == info.Index &&
            entry.Address == (nuint)address;
        if (!isThere)
        {
            return;
        }

        SpanHeader* span = arena.Span(unit);
        for (int other = unit + 1; other < unit + info.SpanUnits; other++)
        {
            check.Require(
                *arena.EntryOf(other) == *arena.EntryOf(unit), "all units of a span have the same page-map entry",
                (nuint)arena.AddressOfUnit(other), (long)*arena.EntryOf(other));
        }

        check.Require(
            span->Carved is >= 0 && span->Carved <= info.BlocksPerSpan, "a span has carved no more blocks than it has",
            (nuint)address, span->Carved);
        int freed = 0;
        int firstWord = int.MaxValue;
        int last = -1;
        for (int word = 0; word < (info.BlocksPerSpan + 63) / 64; word++)
        {
            ulong value = arena.Bitmap(unit)[word];
            freed += BitOperations.PopCount(value);
            firstWord = value != 0 && firstWord == int.MaxValue ? word : firstWord;
            last = value != 0 ? (word * 64) + BitOperations.Log2(value) : last;
        }

        check.Require(
            firstWord >= span->FirstFreeWord, "no free block comes before the first free word", (nuint)address,
            firstWord);
        check.Require(last < span->Carved, "a freed block was carved", (nuint)address, last);
        int free = freed + info.BlocksPerSpan - span->Carved;
        check.Require(
            free == span->FreeCount, "a span's free count is what its bitmap and its carved count say", (nuint)address,
            span->FreeCount);
        check.Require(free < info.BlocksPerSpan, "a span whose blocks are all free was closed", (nuint)address, free);
        partial += free > 0 ? 1 : 0;
        queued += _pages is not null && _pages.Verify(check, unit) ? 1 : 0;
    }

    // Checks the lists of spans with free blocks and the queue, which have at least so many: spans may have been opened
    // since they were counted.
    public void VerifyLists(HeapCheck check, int partial, int queued)
    {
        int listed = 0;
        for (int fill = 0; fill < _heads.Length; fill++)
        {
            int previous = -1;
            int unit = (_fillsInUse & (1u << fill)) != 0 ? _heads[fill] : -1;
            for (; unit >= 0 && listed <= Count; unit = arena.Span(unit)->Next)
            {
                SpanHeader* span = arena.Span(unit);
                nuint address = (nuint)arena.AddressOfUnit(unit);
                check.Require(
                    span->Previous == previous, "a span's link back leads to the one before it", address,
                    span->Previous);
                check.Require(span->FreeCount > 0, "a listed span has free blocks", address, span->FreeCount);
                check.Require(
                    span->Fill == fill && FillOf(span) == fill, "a span is in the list for its blocks that are out",
                    address, span->Fill);
                previous = unit;
                listed++;
            }
        }

        check.Require(
            listed >= partial && listed <= Count, "every span with free blocks is once in its class's lists",
            (nuint)arena.Base, listed);
        _pages?.VerifyQueue(check, queued);
    }
}
