using System;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Reclaim;

// Takes free blocks out of other threads' caches, whose owners may be anywhere, and gives them back to their spans. The fast paths pay
// nothing for it: they stay plain loads and stores, and the reaper bears all of the cost.
//
// With a cache's gate closed its slow paths stand still, so only these run beside the reaper (top and end are the bin's words):
//
//   Alloc:  t = top; b = *t; if (b == null) slow path; top = t - 1; return b
//   Free:   t = top; if (*t != p && t < end) { t[1] = p; top = t + 1 }
//
// The reaper never writes a top. It writes null into slots, which Alloc takes for an empty magazine, and null into end,
// which Free takes for a full one. From a magazine that only Free uses it takes every block up to the top it has read:
// Free writes above that. In one that Alloc takes from it puts a guard first:
//
//                    bottom                    top                    bottom                    top
//   before   [ b0 b1 b2 b3 .. .. ]      guarded [ b0 b1 b2 -- .. .. ]      taken [ -- -- -- -- .. .. ]
//
//   close:    end = null
//   barrier:  on every CPU that runs this process
//   guard:    g is the top, or the slot below it where the owner was not at rest;  v = exchange(*g, null)
//   barrier
//   look:     isAtRest = the owner waits in the runtime;  t = top
//   take:     if (t > g || (t == g && isAtRest))  v and all blocks below are the reaper's
//             else  put v back
//
// What the first barrier is for. No Free begins to write behind it: at most one, which had read its end before, is
// still about to write, and above the top. So nothing is put into g or below it any more, and what is there was written
// before. And a thread that finds the block that it freed last gone from *t reads end after that and takes the slow
// path, where the second free of a block in a row is told (see CacheExchange.TryPut).
//
// Why nobody else gets v. Suppose the owner's Alloc read v from g. That read came before the exchange, hence before the
// second barrier, and its store top = g - 1 follows it. No block is put into g after that, so the reaper reads t < g;
// or the store was late and t == g is still the old top, but then the owner was in the middle of Alloc and not at rest,
// since its stores from before a wait are visible to a thread that has seen it wait. Why nobody else gets the blocks
// below: below the guard comes no Alloc. Why v is not lost: if the owner did take it, the slot that it is put back into
// lies above the top, where nothing is read before it is written.
//
// Without the first barrier this would be wrong where a Free is under way, without the second anywhere. Exchanging tops
// and ends for empty ones, an earlier plan, is wrong: Free reads both, and a new one beside an old one admits writes
// out of bounds.
//
// A thread that waits in native code, as idle pool workers do, is not known to be at rest: one block of each class stays until it ends.
// The nulls left at the bottom of a magazine (Holes) are closed by the owner's next slow path.
//
// What was put goes to freed, where there is one.
internal sealed unsafe class CacheReaper(DepotSet depots, MetadataAllocator metadata, BlockQuarantine? freed = null)
{
    // Two for each class.
    private const int MaxCutsPerCache = 2 * SizeClass.Count;

    // How many caches one pair of barriers serves: what a record of the metadata allocator's largest size admits.
    private const int MaxCaches = 9;

    // For tests: called before each step, so that a test sees their order, and can have the owner do something between
    // two of them.
    public Action<ReaperStep>? Probe { get; set; }

    // Guarded by the lock of the registry whose caches these are. Of all rounds: blocks taken.
    public long ReapedBlocks { get; private set; }

    // Of the round since Begin: whether some thread used its cache since the round before, and whether blocks are left in caches.
    public bool SawUse { get; private set; }

    public bool SawBlocks { get; private set; }

    // Of the round since Begin: the address of a block found free already, or 0.
    public nuint CorruptAddress { get; private set; }

    // Takes free blocks out of the caches of a heap back to their spans: from bins that were not used since the last
    // round, or from all of them if isForced. Not thread-safe: one round at a time.
    public void Reap(ThreadCacheRegistry registry, bool isForced)
    {
        Begin();
        int next = 0;
        bool isDone = false;
        while (!isDone)
        {
            // The lock is released in between, for threads that start and end. A cache that moves up in the list has its
            // turn in the next round.
            using (registry.SyncRoot.Enter())
            {
                isDone = next >= registry.Entries.Count;
                next = isDone ? next : ReapSome(registry.Entries, next, isForced);
            }
        }
    }

    public void Begin()
    {
        SawUse = false;
        SawBlocks = false;
        CorruptAddress = 0;
    }

    // Reaps some caches from an index on; gives the index to go on with. Of a bin that was used since the last round nothing is taken unless
    // isForced. Under the registry's lock.
    public int ReapSome(SwapRemoveList<CacheEntry> entries, int from, bool isForced)
    {
        int end = Math.Min(entries.Count, from + MaxCaches);
        int bufferBytes = (end - from) * MaxCutsPerCache * sizeof(ReapCandidate);
        ReapCandidate* cuts = ProcessBarrier.IsSupported ? (ReapCandidate*)metadata.TryAllocate(bufferBytes) : null;
        if (cuts == null)
        {
            // Out of memory for this, or a runtime without the barrier: as if all were in use.
            SawUse = true;
            return entries.Count;
        }

        int next = from;
        try
        {
            int count = 0;
            for (; next < end; next++)
            {
                count += TrySelect(entries[next], next, cuts + count, isForced);
            }

            if (count > 0)
            {
                RunBarrier();
                count = Guard(entries, cuts, count);
                RunBarrier();
                Check(entries, cuts, count);
                for (int i = 0; i < count; i++)
                {
                    Take(entries[cuts[i].Entry].Magazines, cuts + i);
                }
            }
        }
        finally
        {
            for (int i = from; i < next; i++)
            {
                EndVisit(entries[i]);
            }

            metadata.Free(cuts, bufferBytes);
        }

        return next;
    }

    // Closes a cache's gate and those of its bins that are to be reaped; gives the number of cuts. The gate stays
    // closed.
    private int TrySelect(CacheEntry entry, int position, ReapCandidate* cuts, bool isForced)
    {
        ThreadCache* cache = entry.Magazines;
        Probe?.Invoke(ReaperStep.CloseGate);
        entry.IsHeld = CacheGate.TryCloseOther(cache);
        if (!entry.IsHeld)
        {
            SawUse = true;
            return 0;
        }

        bool isAtRest = AskRest(entry);
        int count = 0;
        for (int index = 0; index < SizeClass.Count; index++)
        {
            Bin* bin = ThreadCache.BinAt(cache, (uint)index);
            if ((bin->Primary == null && bin->Secondary == null) || !(IsIdle(cache, index) || isForced))
            {
                continue;
            }

            // So that the next free takes the slow path: it wakes the decay, and asks whether its block is the one that
            // was taken.
            Probe?.Invoke(ReaperStep.CloseBin);
            Volatile.Write(ref *(nint*)&ThreadCache.FreeSideOf(cache, index)->FreeEnd, (nint)0);

            if (bin->Primary != null && ReadTop(cache, index) >= Magazine.SlotsOf(bin->Primary))
            {
                cuts[count++] = new ReapCandidate { Entry = position, Index = (byte)index, IsPrimary = true, IsAtRest = isAtRest };
            }

            if (bin->Secondary != null)
            {
                cuts[count++] = new ReapCandidate { Entry = position, Index = (byte)index };
            }
        }

        return count;
    }

    // Finds where each magazine is to be cut, and puts guards into those that Alloc takes from; gives the number of
    // cuts that are left. After the barrier that follows the closing of the ends: a Free that has not read its end by
    // then writes nothing any more.
    private int Guard(SwapRemoveList<CacheEntry> entries, ReapCandidate* cuts, int count)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            ReapCandidate cut = cuts[i];
            if (cut.IsPrimary ? TryGuard(entries[cut.Entry].Magazines, ref cut) : TrySelectSecondary(entries[cut.Entry].Magazines, ref cut))
            {
                cuts[kept++] = cut;
            }
        }

        return kept;
    }

    private bool TryGuard(ThreadCache* cache, ref ReapCandidate cut)
    {
        Probe?.Invoke(ReaperStep.ReadTop);
        cut.Slot = ReadTop(cache, cut.Index) - (cut.IsAtRest ? 0 : 1);
        if (cut.Slot < Magazine.SlotsOf(ThreadCache.BinAt(cache, cut.Index)->Primary))
        {
            return false;
        }

        Probe?.Invoke(ReaperStep.SetGuard);
        cut.Guarded = (void*)Interlocked.Exchange(ref *(nint*)cut.Slot, 0);
        return cut.Guarded != null;
    }

    private static bool TrySelectSecondary(ThreadCache* cache, ref ReapCandidate cut)
    {
        cut.Slot = CacheExchange.SecondaryTop(cache, cut.Index);
        return cut.Slot >= Magazine.SlotsOf(ThreadCache.BinAt(cache, cut.Index)->Secondary);
    }

    // Whether nothing has happened in a bin since the last round. (It may have come back to the same place: what is taken then is missed,
    // not lost.)
    private bool IsIdle(ThreadCache* cache, int index)
    {
        BinState* state = ThreadCache.StateAt(cache, index);
        void** takeTop = ReadTop(cache, index);
        void** putTop = index < cache->FirstStacked ? ThreadCache.FreeSideOf(cache, index)->FreeTop : null;
        bool isIdle = state->ReaperAllocTop == takeTop && state->ReaperFreeTop == putTop;
        state->ReaperAllocTop = takeTop;
        state->ReaperFreeTop = putTop;
        SawUse |= !isIdle;
        return isIdle;
    }

    private static void** ReadTop(ThreadCache* cache, int index) =>
        (void**)Volatile.Read(ref *(nint*)&ThreadCache.BinAt(cache, (uint)index)->AllocTop);

    // Behind the second barrier. Who is at rest is asked before its tops are read.
    private void Check(SwapRemoveList<CacheEntry> entries, ReapCandidate* cuts, int count)
    {
        int entry = -1;
        bool isAtRest = false;
        for (int i = 0; i < count; i++)
        {
            ReapCandidate* cut = cuts + i;
            if (cut->Entry != entry)
            {
                entry = cut->Entry;
                isAtRest = AskRest(entries[entry]);
            }

            // For one not known to be at rest the guard has to lie strictly below the top: one down does as well as a flag.
            Probe?.Invoke(ReaperStep.ReadTop);
            cut->Top = ReadTop(entries[entry].Magazines, cut->Index) - (isAtRest ? 0 : 1);
        }
    }

    private void Take(ThreadCache* cache, ReapCandidate* cut)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)cut->Index);
        bool isTaking = cut->IsPrimary;
        if (isTaking && cut->Top < cut->Slot)
        {
            Probe?.Invoke(ReaperStep.PutBack);
            Volatile.Write(ref *(nint*)cut->Slot, (nint)cut->Guarded);
            return;
        }

        Probe?.Invoke(ReaperStep.TakeSlots);
        Magazine* magazine = isTaking ? bin->Primary : bin->Secondary;
        void** taken = stackalloc void*[magazine->Capacity];
        int count = 0;
        if (isTaking)
        {
            taken[count++] = cut->Guarded;
        }

        for (void** slot = isTaking ? cut->Slot - 1 : cut->Slot; *slot != null; slot--)
        {
            taken[count++] = *slot;
            *slot = null;
        }

        if (isTaking || cut->Index < cache->FirstStacked)
        {
            magazine->Holes = (ushort)(cut->Slot - Magazine.SlotsOf(magazine) + 1);
        }
        else
        {
            // The waiting magazine of a stacked class, whose count is up to date.
            magazine->Count = 0;
        }

        if (freed is not null && !isTaking)
        {
            freed.Keep(taken, count, cut->Index);
        }
        else
        {
            nuint found = depots[cut->Index].FreeMany(taken, count);
            CorruptAddress = found != 0 ? found : CorruptAddress;
        }

        ReapedBlocks += count;
    }

    private void RunBarrier()
    {
        Probe?.Invoke(ReaperStep.Barrier);
        ProcessBarrier.Run();
    }

    private bool AskRest(CacheEntry entry)
    {
        Probe?.Invoke(ReaperStep.AskRest);
        return entry.IsAtRest();
    }

    private void EndVisit(CacheEntry entry)
    {
        if (entry.IsHeld)
        {
            for (int index = 0; index < SizeClass.Count && !SawBlocks; index++)
            {
                SawBlocks = CacheExchange.CountOf(entry.Magazines, index) > 0;
            }

            entry.IsHeld = false;
            Probe?.Invoke(ReaperStep.OpenGate);
            CacheGate.OpenOther(entry.Magazines);
        }
    }
}
