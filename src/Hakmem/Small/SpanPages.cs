using System;
using System.Diagnostics;
using System.Numerics;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// The free pages of one size class's spans: whole pages on which no block lies that a caller or a magazine has. They
// are discarded once they have been free for the purge delay, like free units: a few live blocks among many freed ones
// would otherwise keep all of their spans' memory. The addresses stay committed and read as zero. A page loses its mark
// when a block that lies on it is handed out, whether or not that block is written.
//
//   block freed, span opened        aged four times          block on it handed out
//   --------------------> PageAges ----------------> DiscardedPages ----------------> no mark
//
// Ages are quarters of the delay. A unit has at most 16 pages, so its ages are four times 16 bits of a word, and pages
// grow older by a shift. Spans that may have free pages without a mark, or pages that grow older, are in a queue; a
// pass looks at each of them once. So a pass costs nothing for spans in which nothing was freed.
//
// Not used where a discard decommits pages, in a heap that keeps huge pages whole, nor in one with random placement,
// whose free blocks hold poison. Not thread-safe: belongs to a SpanSet, hence to the depot's lock. The pages are
// discarded under that lock, one span's at a time: this keeps their blocks in the span.
internal sealed unsafe class SpanPages
{
    private const int AgeCount = 4;
    private const int AgeBits = 16;

    // A bit in each of the four ages.
    private const ulong EachAge = 0x0001_0001_0001_0001;

    private readonly Arena _arena;
    private readonly SizeClassInfo _info;
    private readonly int _pageShift;
    private readonly int _pagesPerUnitShift;

    // With fewer free blocks a span has no free page.
    private readonly int _minFree;

    // Spans by their first units, -1 for none: the next one to look at, and the one that entered last.
    private int _head = -1;
    private int _tail = -1;

    public SpanPages(Arena arena, SizeClassInfo info)
    {
        _arena = arena;
        _info = info;
        int pageBytes = (int)arena.Os.PageSize;
        _pageShift = BitOperations.Log2((uint)pageBytes);
        _pagesPerUnitShift = Geometry.UnitShift - _pageShift;
        Debug.Assert(_pagesPerUnitShift is >= 0 and <= 4, "A unit has more pages than a mask has bits.");
        int rest = (info.SpanUnits << Geometry.UnitShift) - info.SpanBlockBytes;
        _minFree = Math.Max(1, (pageBytes - rest + info.BlockBytes - 1) / info.BlockBytes);
    }

    public int QueuedCount { get; private set; }

    private int PagesPerUnit => 1 << _pagesPerUnitShift;

    // Clears what an earlier span has left in the records of a new one's units; also in a SpanSet without SpanPages.
    public static void ClearMarks(Arena arena, int unit, int unitCount)
    {
        for (int i = 0; i < unitCount; i++)
        {
            arena.Span(unit + i)->DiscardedPages = 0;
            arena.Span(unit + i)->PageAges = 0;
        }

        arena.Span(unit)->HasPageMarks = false;
        arena.Span(unit)->IsQueued = false;
    }

    // After a span was made, of memory that may have pages even where it was never used.
    public void Open(int unit, SpanHeader* span) => Enqueue(unit, span);

    // Before the span's units are freed.
    public void Close(int unit, SpanHeader* span)
    {
        if (span->IsQueued)
        {
            Dequeue(unit, span);
        }
    }

    // After a block was freed to the span.
    public void Freed(int unit, SpanHeader* span)
    {
        if (!span->IsQueued && span->FreeCount >= _minFree)
        {
            Enqueue(unit, span);
        }
    }

    // When the bytes from start to end of a span with marks are handed out. Adds pages that were discarded to those to
    // be populated, as if they had never been used.
    public void Use(int unit, int start, int end, ref FreshRanges fresh)
    {
        Debug.Assert(_arena.Span(unit)->HasPageMarks, "A span without marks has none to clear.");

        int page = start >> _pageShift;
        int last = (end - 1) >> _pageShift;
        while (page <= last)
        {
            int inSpan = page >> _pagesPerUnitShift;
            int firstOfUnit = inSpan << _pagesPerUnitShift;
            int endInUnit = Math.Min(last + 1 - firstOfUnit, PagesPerUnit);
            uint mask = MaskOf(page - firstOfUnit, endInUnit);
            SpanHeader* header = _arena.Span(unit + inSpan);
            uint missing = header->DiscardedPages & mask;
            if (missing != 0)
            {
                byte* address = _arena.AddressOfUnit(unit + inSpan);
                fresh.Add(
                    address + ((nuint)BitOperations.TrailingZeroCount(missing) << _pageShift),
                    address + ((nuint)(BitOperations.Log2(missing) + 1) << _pageShift));
            }

            header->DiscardedPages &= (ushort)~mask;
            header->PageAges &= ~(mask * EachAge);
            page = firstOfUnit + PagesPerUnit;
        }
    }

    public void Clear()
    {
        _head = -1;
        _tail = -1;
        QueuedCount = 0;
    }

    // Looks at the span that has waited longest: lets its free pages grow older and discards those that are old enough.
    // False if none waits.
    public bool PurgeNext(long now, long delayMs, ref PagePurge purge)
    {
        int unit = _head;
        if (unit < 0)
        {
            return false;
        }

        SpanHeader* span = _arena.Span(unit);
        Dequeue(unit, span);
        if (!span->HasPageMarks && span->FreeCount < _minFree)
        {
            return true;
        }

        long quarter = Math.Max(1, delayMs / AgeCount);
        int passed = AgeCount;
        if (delayMs > 0)
        {
            // Passes come every quarter of the delay, a little sooner or later.
            long waited = (uint)now - span->AgedAt;
            passed = HasAges(unit, span) ? (int)Math.Min(AgeCount, (waited + (quarter / 8)) / quarter) : 0;
            if (passed == 0 && HasAges(unit, span))
            {
                purge.NextDue = Math.Min(purge.NextDue, now + quarter - waited);
                Enqueue(unit, span);
                return true;
            }
        }

        span->AgedAt = (uint)now;
        int refusals = purge.Refusals;
        int oldest = Purge(unit, span, passed, isForced: delayMs == 0, ref purge);
        if (oldest >= 0)
        {
            // What the system has refused waits for the next pass; it is no reason for one.
            long due = now + ((AgeCount - oldest) * quarter);
            purge.NextDue = purge.Refusals > refusals ? purge.NextDue : Math.Min(purge.NextDue, due);
            Enqueue(unit, span);
        }

        return true;
    }

    // Checks the marks of a span's pages. Returns whether the span is in the queue.
    public bool Verify(HeapCheck check, int unit)
    {
        SpanHeader* span = _arena.Span(unit);
        nuint address = (nuint)_arena.AddressOfUnit(unit);
        bool hasUnmarked = false;
        bool hasAges = false;
        for (int inSpan = 0; inSpan < _info.SpanUnits; inSpan++)
        {
            SpanHeader* header = _arena.Span(unit + inSpan);
            uint free = FreePages(unit, span, inSpan);
            uint aging = AllAges(header->PageAges);
            uint marked = aging | header->DiscardedPages;
            check.Require((marked & ~free) == 0, "a page that ages or is discarded is free", address, marked);
            check.Require(
                (aging & header->DiscardedPages) == 0, "a discarded page does not age", address, aging);
            check.Require(
                marked == 0 || span->HasPageMarks, "a span with marked pages says so", address, marked);
            hasUnmarked |= (free & ~marked) != 0;
            hasAges |= aging != 0;
        }

        check.Require(
            span->IsQueued || (!hasAges && (!hasUnmarked || span->FreeCount < _minFree)),
            "a span with free pages that have memory is in the queue", address, span->FreeCount);
        return span->IsQueued;
    }

    // Checks the queue, in which there are at least so many spans.
    public void VerifyQueue(HeapCheck check, int atLeast)
    {
        int count = 0;
        int previous = -1;
        for (int unit = _head; unit >= 0 && count <= QueuedCount; unit = _arena.Span(unit)->QueueNext)
        {
            SpanHeader* span = _arena.Span(unit);
            check.Require(
                span->IsQueued && span->QueuePrevious == previous,
                "a queued span's link back leads to the one before it", (nuint)_arena.AddressOfUnit(unit),
                span->QueuePrevious);
            previous = unit;
            count++;
        }

        check.Require(
            count == QueuedCount && count >= atLeast && _tail == previous,
            "the queue of spans contains each queued span", (nuint)_arena.Base, count);
    }

    // The bits from first up to end, without end.
    private static uint MaskOf(int first, int end) => (1u << end) - (1u << first);

    private static uint AllAges(ulong ages)
    {
        ages |= ages >> (2 * AgeBits);
        return (ushort)(ages | (ages >> AgeBits));
    }

    private bool HasAges(int unit, SpanHeader* span)
    {
        ulong all = 0;
        for (int inSpan = 0; span->HasPageMarks && inSpan < _info.SpanUnits; inSpan++)
        {
            all |= _arena.Span(unit + inSpan)->PageAges;
        }

        return all != 0;
    }

    // Lets pages grow older by so many quarters of the delay, and discards those that are old enough. Returns the age
    // of the oldest page that is left, or -1 if none is.
    private int Purge(int unit, SpanHeader* span, int passed, bool isForced, ref PagePurge purge)
    {
        bool hasDiscarded = false;
        ulong left = 0;
        PageRun run = default;
        for (int inSpan = 0; inSpan < _info.SpanUnits; inSpan++)
        {
            SpanHeader* header = _arena.Span(unit + inSpan);
            ulong ages = header->PageAges;
            uint free = FreePages(unit, span, inSpan) & ~(uint)header->DiscardedPages;
            uint young = free & ~AllAges(ages);
            uint due = free & (isForced ? free : DueAfter(ages, passed));
            header->PageAges = isForced ? 0 : (passed < AgeCount ? ages << (passed * AgeBits) : 0) | young;
            while (due != 0)
            {
                int first = BitOperations.TrailingZeroCount(due);
                int end = first + BitOperations.TrailingZeroCount(~(due >> first));
                due &= ~MaskOf(first, end);
                int page = (inSpan << _pagesPerUnitShift) + first;
                if (page != run.End)
                {
                    Discard(unit, run, ref purge);
                    run.First = page;
                }

                run.End = page - first + end;
            }
        }

        Discard(unit, run, ref purge);
        for (int inSpan = 0; inSpan < _info.SpanUnits; inSpan++)
        {
            hasDiscarded |= _arena.Span(unit + inSpan)->DiscardedPages != 0;
            left |= _arena.Span(unit + inSpan)->PageAges;
        }

        span->HasPageMarks = hasDiscarded || left != 0;
        return left == 0 ? -1 : BitOperations.Log2(left) / AgeBits;
    }

    private static uint DueAfter(ulong ages, int passed) =>
        passed == 0 ? 0 : AllAges(ages >> ((AgeCount - passed) * AgeBits));

    // Discards a run of pages of the span. If the system refuses, they begin to age again.
    private void Discard(int unit, PageRun run, ref PagePurge purge)
    {
        if (run.End == run.First)
        {
            return;
        }

        nuint bytes = (nuint)(run.End - run.First) << _pageShift;
        byte* address = _arena.AddressOfUnit(unit) + ((nuint)run.First << _pageShift);
        bool isDone = _arena.Os.TryDiscard(address, bytes);
        purge.Bytes += isDone ? (long)bytes : 0;
        purge.Calls += isDone ? 1 : 0;
        purge.Refusals += isDone ? 0 : 1;
        int page = run.First;
        while (page < run.End)
        {
            int inSpan = page >> _pagesPerUnitShift;
            int firstOfUnit = inSpan << _pagesPerUnitShift;
            uint mask = MaskOf(page - firstOfUnit, Math.Min(run.End - firstOfUnit, PagesPerUnit));
            SpanHeader* header = _arena.Span(unit + inSpan);
            header->DiscardedPages |= (ushort)(isDone ? mask : 0);
            header->PageAges |= isDone ? 0 : mask;
            page = firstOfUnit + PagesPerUnit;
        }
    }

    // The free pages of one unit of a span. What lies behind the last block is free as well.
    private uint FreePages(int unit, SpanHeader* span, int inSpan)
    {
        uint free = 0;
        int start = inSpan << Geometry.UnitShift;
        for (int page = 0; page < PagesPerUnit; page++)
        {
            int end = start + (1 << _pageShift);
            free |= IsFree(unit, span, BlockAt(start), BlockAt(end - 1) + 1) ? 1u << page : 0;
            start = end;
        }

        return free;
    }

    private int BlockAt(int offset) => (int)Math.BigMul((ulong)offset, _info.Reciprocal, out _);

    // Whether the blocks from first up to end, without end, are free.
    private bool IsFree(int unit, SpanHeader* span, int first, int end)
    {
        end = Math.Min(end, span->Carved);
        if (first >= end)
        {
            return true;
        }

        ulong* bitmap = _arena.Bitmap(unit);
        int last = (end - 1) >> 6;
        ulong wanted = ulong.MaxValue << first;
        for (int word = first >> 6; word < last; word++)
        {
            if ((~bitmap[word] & wanted) != 0)
            {
                return false;
            }

            wanted = ulong.MaxValue;
        }

        return (~bitmap[last] & wanted & (ulong.MaxValue >> (-end & 63))) == 0;
    }

    private void Enqueue(int unit, SpanHeader* span)
    {
        Debug.Assert(!span->IsQueued, "A span enters the queue twice.");
        span->IsQueued = true;
        span->QueueNext = -1;
        span->QueuePrevious = _tail;
        if (_tail >= 0)
        {
            _arena.Span(_tail)->QueueNext = unit;
        }
        else
        {
            _head = unit;
        }

        _tail = unit;
        QueuedCount++;
    }

    private void Dequeue(int unit, SpanHeader* span)
    {
        Debug.Assert(span->IsQueued && (span->QueuePrevious >= 0 || _head == unit), "The span is not in the queue.");
        span->IsQueued = false;
        if (span->QueuePrevious >= 0)
        {
            _arena.Span(span->QueuePrevious)->QueueNext = span->QueueNext;
        }
        else
        {
            _head = span->QueueNext;
        }

        if (span->QueueNext >= 0)
        {
            _arena.Span(span->QueueNext)->QueuePrevious = span->QueuePrevious;
        }
        else
        {
            _tail = span->QueuePrevious;
        }

        QueuedCount--;
    }

    // Adjoining pages of a span: none if First and End are equal.
    private struct PageRun
    {
        public int First;
        public int End;
    }
}

// What a pass over spans has discarded, and when the next free page is due, or long.MaxValue.
internal struct PagePurge()
{
    public long Bytes;
    public int Calls;
    public int Refusals;
    public long NextDue = long.MaxValue;
}
