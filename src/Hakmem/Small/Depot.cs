using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// The blocks of one bin of a heap (a size class, or a stripe's part of one): the magazines that no thread has loaded,
// and the spans behind them.
//
//   thread caches <--whole magazines--> full magazines, empty magazines, of each stripe of threads
//                                           | none left        ^ too many, or flushed
//                                           v                  |
//                                              spans (SpanSet)
//
// The rejected alternative, an owner thread per span with a list of remote frees, makes the common case of .NET (rent
// here, return there after an await) the slow one.
//
// A thread exchanges magazines with its stripe, so that threads neither wait for each other nor write each other's
// blocks. Depot.Stripes.cs has what it takes of other stripes.
//
// Thread-safe: a lock for each stripe, and one for the spans. It is held for the exchange of two pointers in the usual
// case, for one magazine's worth of bits otherwise, and then sometimes for a system call (a new SuperSlab). They are
// taken under no lock but the registry's and a cache's gate, and above the SuperSlab lock: stripes first, in their
// order, then the spans. The caller purges what a free has emptied, after these locks.
//
// Where blocks move between a magazine and a span, both locks are held, so that Count sees each block once.
internal sealed unsafe partial class Depot
{
    // Full magazines beyond this many bytes of blocks, of each stripe, are flushed to their spans at once. All depots
    // together are limited by the budget.
    private const int MaxFullBytes = 2 << 20;
    private const int MinFullMagazines = 4;

    // The largest blocks for which each stripe has that limit. Of larger blocks, eight stripes have one together, since
    // these are exchanged so seldom that a count for all costs little.
    private const int MaxUncountedBytes = 16 << 10;
    private const int StripesPerLimit = 8;

    // The largest blocks whose pages are populated in advance.
    private const int MaxPopulatedBlockBytes = 4096;

    private readonly UnitAllocator _units;
    private readonly MetadataAllocator _metadata;
    private readonly DepotBudget _budget;
    private readonly int _blockBytes;
    private readonly int _refillBlocks;
    private readonly long _ownBlocks;
    private readonly DepotStripes _stripes;
    private readonly bool _isCounted;

    // The most blocks in full magazines of a stripe, or of all if blocks are counted.
    private readonly long _maxFullBlocks;

    // The cell of the budget that the first stripe counts in.
    private readonly int _firstCell;

    // Made last, so that no field that other threads read lies beside its word.
    private readonly UninterruptibleLock _lock;

    // Guarded by _lock.
    private readonly SpanSet _spans;

    // Blocks in full magazines of all stripes, of a class of large blocks. By interlocked additions: a stale reading
    // flushes one magazine too few or too many.
    private long _counted;

    public Depot(
        Arena arena, UnitAllocator units, int heapSlot, SizeClassInfo info, DepotBudget budget,
        Random? placement = null, int stripes = 1)
    {
        _budget = budget;
        _blockBytes = info.BlockBytes;
        _units = units;
        _metadata = arena.Metadata;
        _spans = new SpanSet(arena, units, heapSlot, info, placement);
        _refillBlocks = info.RefillCapacity;
        _isCounted = stripes > 1 && info.BlockBytes > MaxUncountedBytes;
        _firstCell = Stripe.OfBin(info.Index);
        _ownBlocks = _isCounted ? 0 : OwnBytes / info.BlockBytes;
        int limits = _isCounted ? Math.Max(stripes / StripesPerLimit, 1) : 1;
        _maxFullBlocks = limits * Math.Max(MaxFullBytes / info.BlockBytes, MinFullMagazines * info.RefillCapacity);
        _stripes = new DepotStripes(DepotStripe.Create(_metadata), _metadata, stripes);
        _lock = new UninterruptibleLock();
    }

    // See DepotStripes.
    public void Prepare(int thread) => _stripes.Prepare(thread);

    // Checks the spans of the bin, of those that the check has noted, and the full magazines.
    public void Verify(HeapCheck check, int binIndex)
    {
        using (_lock.Enter())
        {
            int partial = 0;
            int queued = 0;
            for (int i = 0; i < check.SpanCount; i++)
            {
                (int noted, int unit) = check.SpanAt(i);
                if (noted == binIndex)
                {
                    _spans.Verify(check, unit, ref partial, ref queued);
                }
            }

            _spans.VerifyLists(check, partial, queued);
        }

        foreach (DepotStripe stripe in _stripes.All)
        {
            using (stripe.Lock.Enter())
            {
                stripe.Verify(check);
            }
        }

        (long blocksOut, long blocksHere, _) = Count();
        check.Require(
            blocksHere <= blocksOut, "the blocks of a depot's magazines have left their spans", 0, blocksHere);
    }

    // Whether there are blocks in full magazines; a moment old.
    public bool HasBlocks
    {
        get
        {
            foreach (DepotStripe stripe in _stripes.All)
            {
                if (stripe.BlocksSeen > 0)
                {
                    return true;
                }
            }

            return false;
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
    // empty one is then still the caller's. If isSoonUsed, pages never used before or discarded are populated in one
    // call, unless the blocks are so large that a page may hold the start of none. thread is the number of the cache.
    public Magazine* ExchangeForFull(Magazine* empty, int wanted, bool isSoonUsed = false, int thread = 0)
    {
        DepotStripe own = _stripes[thread];
        Magazine* magazine;
        Magazine* spare = null;
        using (own.EnterToExchange())
        {
            magazine = TakeFull(own, thread, empty, wanted);
            if (magazine == null && OffersMany)
            {
                spare = own.DetachEmpty(MaxTaken - 1);
            }
        }

        if (magazine == null)
        {
            magazine = OffersMany
                ? TryTakeOffered(thread, empty, wanted, spare)
                : TryTakeElsewhere(thread, empty, wanted, beyond: 0);
        }

        if (magazine != null)
        {
            return magazine;
        }

        FreshRanges fresh = default;
        magazine = FillFromSpans(own, empty, wanted, ref fresh);
        if (isSoonUsed && _blockBytes <= MaxPopulatedBlockBytes)
        {
            // Under no lock: the blocks belong to the caller by now.
            for (int i = 0; i < fresh.Count; i++)
            {
                _units.Populate(fresh.StartOf(i), fresh.EndOf(i));
            }
        }

        return magazine == null ? TryTakeElsewhere(thread, empty, wanted, beyond: 0) : magazine;
    }

    // Returns an empty magazine and keeps the caller's full one (null if it has none). The result is null only if none
    // was passed and memory is out. Drops a block that was found to be free already and reports its address.
    public Magazine* ExchangeForEmpty(Magazine* full, int wanted, out nuint corruptAddress, int thread = 0)
    {
        corruptAddress = 0;
        bool isRepeated = full != null && Magazines.HasRepeated(full);
        DepotStripe own = _stripes[thread];
        using (own.EnterToExchange())
        {
            if (full == null)
            {
                return own.PopOrCreateEmpty(wanted);
            }

            long held = _isCounted ? Volatile.Read(ref _counted) : own.Blocks;
            Magazine* empty = !isRepeated && held + full->Count <= _maxFullBlocks
                ? own.PopOrCreateEmpty(wanted)
                : null;
            if (empty != null)
            {
                CountFull(full->Count, thread);
                own.Put(full);
                return empty;
            }
        }

        // Too many full ones, no memory for an empty one, or a block that was freed twice.
        using (_lock.Enter())
        {
            corruptAddress = Flush(full);
            return full;
        }
    }

    // Keeps a magazine with any number of blocks.
    public void Add(Magazine* magazine, int thread = 0)
    {
        DepotStripe own = _stripes[thread];
        using (own.Lock.Enter())
        {
            CountFull(magazine->Count, thread);
            own.Put(magazine);
        }
    }

    // Allocates one block; isZero says whether its memory is known to be zero. Null if memory is out, or, unless
    // mayGrow, if the depot has no block.
    public void* TryAllocOne(out bool isZero, bool mayGrow = true)
    {
        for (int thread = 0; thread < _stripes.Count; thread++)
        {
            DepotStripe stripe = _stripes[thread];
            void* block = stripe.BlocksSeen > 0 ? TryTakeBlock(stripe, thread) : null;
            if (block != null)
            {
                isZero = false;
                return block;
            }
        }

        using (_lock.Enter())
        {
            return Spans.TryAllocOne(out isZero, mayGrow);
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

    // Blocks outside spans, those of them in the depot's magazines, and the number of spans. Of one moment.
    public (long BlocksOut, long BlocksHere, int Spans) Count()
    {
        while (true)
        {
            DepotStripe[] stripes = _stripes.All;
            long here = 0;
            foreach (DepotStripe stripe in stripes)
            {
                stripe.Lock.Enter();
                here += stripe.Blocks;
            }

            (long BlocksOut, long BlocksHere, int Spans) counts;
            using (_lock.Enter())
            {
                counts = (Spans.BlocksOut, here, Spans.Count);
            }

            // Blocks may have been put into stripes that came meanwhile.
            bool isAll = stripes == _stripes.All;
            foreach (DepotStripe stripe in stripes)
            {
                stripe.Lock.Exit();
            }

            if (isAll)
            {
                return counts;
            }
        }
    }

    // How many exchanges there were so far, and how many of them had to wait for another thread.
    public (long Exchanges, long Waits) CountExchanges()
    {
        long exchanges = 0;
        long waits = 0;
        foreach (DepotStripe stripe in _stripes.All)
        {
            (long more, long waited) = stripe.Figures;
            exchanges += more;
            waits += waited;
        }

        return (exchanges, waits);
    }

    // Flushes the full magazines that were not needed since the last call, the oldest first; if no magazine was
    // exchanged meanwhile, frees the empty ones as well. Returns the number of flushed magazines; corruptAddress is
    // that of a block found free already, or 0.
    public int Reap(out nuint corruptAddress)
    {
        corruptAddress = 0;
        int count = 0;
        for (int thread = 0; thread < _stripes.Count; thread++)
        {
            DepotStripe stripe = _stripes[thread];
            Magazine* reaped;
            using (stripe.Lock.Enter())
            {
                reaped = stripe.DetachUnneeded();
                if (!stripe.IsUsed)
                {
                    stripe.DestroyEmpty();
                }

                stripe.IsUsed = false;
            }

            // The locks are released between magazines, so that no thread waits long. Their blocks stay counted until
            // then.
            while (reaped != null)
            {
                Magazine* next = reaped->Next;
                using (stripe.Lock.Enter())
                {
                    FlushDetached(stripe, thread, reaped, ref corruptAddress);
                }

                reaped = next;
                count++;
            }
        }

        return count;
    }

    // Discards pages of the spans that have been free for a delay, of each span under the lock once. Returns when the
    // next are due, or long.MaxValue.
    public long PurgePages(long now, long delayMs)
    {
        PagePurge purge = new();
        int left;
        using (_lock.Enter())
        {
            left = Spans.QueuedCount;
        }

        bool isMore = left > 0;
        for (; isMore && left > 0 && purge.Refusals == 0; left--)
        {
            using (_lock.Enter())
            {
                isMore = Spans.PurgeNext(now, delayMs, ref purge);
            }
        }

        if (purge.Calls > 0)
        {
            _units.CountPagePurge(purge.Bytes, purge.Calls);
        }

        return purge.NextDue;
    }

    // Flushes all full magazines and frees the empty ones. Returns the address of a block found free already, or 0.
    public nuint FlushAll()
    {
        nuint corruptAddress = 0;
        for (int thread = 0; thread < _stripes.Count; thread++)
        {
            DepotStripe stripe = _stripes[thread];
            using (stripe.Lock.Enter())
            {
                for (Magazine* magazine = stripe.DetachAll(); magazine != null;)
                {
                    Magazine* next = magazine->Next;
                    FlushDetached(stripe, thread, magazine, ref corruptAddress);
                    magazine = next;
                }

                stripe.DestroyEmpty();
            }
        }

        return corruptAddress;
    }

    // Lets new spans' page-map entries lead to paired bins, or to the class's own form again.
    public void SetPaired(bool isPaired)
    {
        using (_lock.Enter())
        {
            Spans.SetPaired(isPaired);
        }
    }

    // Gives the page-map entries of a span that was there a moment ago the current form.
    public void RewriteEntries(int unit)
    {
        using (_lock.Enter())
        {
            Spans.RewriteEntries(unit);
        }
    }

    // Forgets all blocks, because the heap releases their memory as a whole.
    public void Clear()
    {
        for (int thread = 0; thread < _stripes.Count; thread++)
        {
            DepotStripe stripe = _stripes[thread];
            using (stripe.Lock.Enter())
            {
                for (Magazine* magazine = stripe.DetachAll(); magazine != null;)
                {
                    Magazine* next = magazine->Next;
                    Magazines.Destroy(_metadata, magazine);
                    magazine = next;
                }

                stripe.DestroyEmpty();
                CountFull(-stripe.Blocks, thread);
                stripe.Count(-stripe.Blocks);
            }
        }

        using (_lock.Enter())
        {
            Spans.Clear();
        }
    }

    // Fills a magazine with blocks of spans; fresh returns where blocks never used before were carved. Null if memory
    // is out.
    private Magazine* FillFromSpans(DepotStripe own, Magazine* empty, int wanted, ref FreshRanges fresh)
    {
        Magazine* magazine = empty;
        if (empty == null || empty->Capacity < wanted)
        {
            using (own.Lock.Enter())
            {
                magazine = own.TakeEmpty(empty, wanted);
            }

            if (magazine == null)
            {
                return null;
            }
        }

        using (_lock.Enter())
        {
            int most = Math.Min(Math.Min(wanted, magazine->Capacity), _refillBlocks);
            magazine->Count = Spans.AllocMany(Magazine.SlotsOf(magazine), most, ref fresh);
        }

        // Without blocks, the depot's own magazine stays here, and the caller's stays the caller's.
        bool isOut = magazine->Count == 0;
        if (magazine != empty && (isOut || empty != null))
        {
            using (own.Lock.Enter())
            {
                own.Put(isOut ? magazine : empty);
            }
        }

        return isOut ? null : magazine;
    }

    // A trace has a body for it (see benchmarks/Hakmem.Scale); the library has none, and no call is compiled.
    partial void OnCounting();

    private void CountFull(long blocks, int thread)
    {
        if (blocks != 0)
        {
            _budget.Add(blocks * _blockBytes, _firstCell + _stripes.NumberOf(thread));
            if (_isCounted)
            {
                OnCounting();
                Interlocked.Add(ref _counted, blocks);
            }
        }
    }

    // Frees the blocks of a magazine that was detached from a thread's stripe, whose lock is held, and destroys it.
    private void FlushDetached(DepotStripe stripe, int thread, Magazine* magazine, ref nuint corruptAddress)
    {
        using (_lock.Enter())
        {
            CountFull(-magazine->Count, thread);
            stripe.Count(-magazine->Count);
            nuint found = Flush(magazine);
            corruptAddress = found != 0 ? found : corruptAddress;
        }

        Magazines.Destroy(_metadata, magazine);
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
