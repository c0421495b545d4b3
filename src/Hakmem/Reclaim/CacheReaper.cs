using System;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Records;
using Hakmem.Small;

namespace Hakmem.Reclaim;

// Takes free blocks out of other threads' caches, whose owners may be anywhere, and frees them to their spans. The fast
// paths pay nothing for it: they stay plain loads and stores, and the reaper bears all of the cost.
//
// While a cache's gate is closed its owner enters no slow path, so only these run beside the reaper (top and end are
// the bin's words):
//
//   Alloc:  t = top; b = *t; if (b == null) slow path; top = t - 1; return b
//   Free:   t = top; if (*t != p && t < end) { t[1] = p; top = t + 1 }
//
// The reaper never writes a top. It writes null into slots, which Alloc takes for an empty magazine, and null into end,
// which Free takes for a full one. From a magazine that only Free uses it takes every block up to the top it has read:
// Free writes above that. In a magazine that Alloc uses it sets a guard first:
//
//                    bottom                    top                    bottom                    top
//   before   [ b0 b1 b2 b3 .. .. ]      guarded [ b0 b1 b2 -- .. .. ]      taken [ -- -- -- -- .. .. ]
//
//   close:    end = null
//   barrier:  on every CPU that runs this process
//   guard:    g is the top, or the slot below it if the owner was not at rest;  v = exchange(*g, null)
//   barrier
//   check:    isAtRest = the owner waits in the runtime;  t = top
//   take:     if (t > g || (t == g && isAtRest))  v and all blocks below are the reaper's
//             else  put v back
//
// Why the first barrier is needed. No Free begins to write after it: at most one, which has read its end before, is
// still about to write, and above the top. So nothing is put into g or below it any more, and what is there was written
// before. And a thread that finds the block that it freed last missing from *t reads end after that and takes the slow
// path, which detects the second free of a block in a row (see CacheExchange.TryFree).
//
// Why no other thread gets v. Suppose the owner's Alloc read v from g. That read came before the exchange, hence before
// the second barrier, and its store top = g - 1 follows it. No block is put into g after that, so the reaper reads t <
// g; or the store was late and t == g is still the old top, but then the owner was in the middle of Alloc and not at
// rest, since its stores from before a wait are visible to a thread that has seen it wait. Why no other thread gets the
// blocks below: no Alloc gets below the guard. Why v is not lost: if the owner did take it, the slot that it is put
// back into lies above the top, where nothing is read before it is written.
//
// Without the first barrier this would be wrong if a Free is under way, without the second always. Exchanging tops and
// ends for empty ones, an earlier plan, is wrong: Free reads both, and a new one beside an old one admits writes out of
// bounds.
//
// A thread that waits in native code, as idle pool workers do, is not known to be at rest: one block of each class
// stays until it ends. The owner's next slow path closes the nulls left at the bottom of a magazine (Holes).
//
// Freed blocks go to the quarantine, if there is one.
//
// Not thread-safe: the caller runs one round at a time (HeapDecay.SyncRoot), and ReapSome under the registry's lock.
internal sealed unsafe class CacheReaper(
    DepotSet depots, MetadataAllocator metadata, BlockQuarantine? quarantine = null)
{
    // Two magazines for each bin.
    private static int MaxCandidatesPerCache => 2 * Stripe.Bins;

    // How many caches one pair of barriers serves: as many as one record of the metadata allocator has room for.
    private static int MaxCaches => MetadataAllocator.MaxRecordBytes / (MaxCandidatesPerCache * sizeof(ReapCandidate));

    // For tests: called before each step, to record their order or to act as the owner between two of them.
    public Action<ReaperStep>? Probe { get; set; }

    // Blocks taken in all rounds.
    public long ReapedBlocks { get; private set; }

    // Since Begin: whether some thread used its cache since the round before, and whether blocks are left in caches.
    public bool SawUse { get; private set; }

    public bool SawBlocks { get; private set; }

    // Since Begin: the address of a block found free already, or 0.
    public nuint CorruptAddress { get; private set; }

    // Takes free blocks out of the caches of a heap and frees them to their spans: from bins that were not used since
    // the last round, or from all of them if isForced.
    public void Reap(ThreadCacheRegistry registry, bool isForced)
    {
        Begin();
        int next = 0;
        bool isDone = false;
        while (!isDone)
        {
            // The lock is released between two calls, for threads that start and end. A cache that meanwhile moves up
            // in the list is reaped in the next round.
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

    // Reaps some caches from an index on; returns the index of the next. Takes nothing from a bin that was used since
    // the last round unless isForced. Under the registry's lock, which ThreadCacheRegistry.Entries checks.
    public int ReapSome(CacheEntryList entries, int from, bool isForced)
    {
        int end = Math.Min(entries.Count, from + MaxCaches);
        Debug.Assert(end > from, "A round without caches, or a record that has no room for one.");
        int bufferBytes = (end - from) * MaxCandidatesPerCache * sizeof(ReapCandidate);
        ReapCandidate* candidates = ProcessBarrier.IsSupported
            ? (ReapCandidate*)metadata.TryAllocate(bufferBytes)
            : null;
        if (candidates == null)
        {
            // Memory is out, or the runtime has no such barrier: as if all bins were in use.
            SawUse = true;
            return entries.Count;
        }

        int next = from;
        try
        {
            int count = 0;
            for (; next < end; next++)
            {
                count += TrySelect(entries[next], next, candidates + count, isForced);
            }

            if (count > 0)
            {
                RunBarrier();
                count = Guard(entries, candidates, count);
                RunBarrier();
                Check(entries, candidates, count);
                for (int i = 0; i < count; i++)
                {
                    Take(entries[candidates[i].Entry].Magazines, candidates + i);
                }
            }
        }
        finally
        {
            for (int i = from; i < next; i++)
            {
                EndVisit(entries[i]);
            }

            metadata.Free(candidates, bufferBytes);
        }

        return next;
    }

    // Closes a cache's gate, and its bins that are to be reaped, until EndVisit; returns the number of candidates.
    private int TrySelect(CacheEntry entry, int position, ReapCandidate* candidates, bool isForced)
    {
        Debug.Assert(!entry.IsHeld, "The reaper holds this cache's gate already.");
        ThreadCache* cache = entry.Magazines;
        Probe?.Invoke(ReaperStep.CloseGate);
        entry.IsHeld = CacheGate.TryCloseOther(cache);
        if (!entry.IsHeld)
        {
            SawUse = true;
            return 0;
        }

        bool isAtRest = CheckRest(entry);
        int count = 0;
        for (int index = ThreadCache.FirstIndexOf(cache); index < Stripe.Bins; index++)
        {
            Magazine* primary = ThreadCache.AllocBinOf(cache, index)->Primary;
            Magazine* secondary = ThreadCache.BinOf(cache, index)->Secondary;
            if ((primary == null && secondary == null) || !(IsIdle(cache, index) || isForced))
            {
                continue;
            }

            // The next free takes the slow path: that schedules the decay, and detects a second free of a taken block.
            Probe?.Invoke(ReaperStep.CloseBin);
            Volatile.Write(ref *(nint*)&ThreadCache.FreeSideOf(cache, index)->FreeEnd, (nint)0);

            if (primary != null && primary->Hidden > 0)
            {
                TakeHidden(index, primary);
            }

            if (primary != null && ReadTop(cache, index) >= Magazine.SlotsOf(primary))
            {
                candidates[count++] = new ReapCandidate
                {
                    Entry = position, Index = (ushort)index, IsPrimary = true, IsAtRest = isAtRest,
                };
            }

            if (secondary != null)
            {
                candidates[count++] = new ReapCandidate { Entry = position, Index = (ushort)index };
            }
        }

        Debug.Assert(count <= MaxCandidatesPerCache, "A cache has more magazines than the buffer has room for.");
        return count;
    }

    // Finds the newest slot to take of each magazine, and sets guards in those that Alloc uses; returns the number of
    // candidates that are left. After the barrier that follows the closing of the ends: a Free that has not read its
    // end by then writes nothing any more.
    private int Guard(CacheEntryList entries, ReapCandidate* candidates, int count)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            ReapCandidate candidate = candidates[i];
            ThreadCache* cache = entries[candidate.Entry].Magazines;
            if (candidate.IsPrimary ? TryGuard(cache, ref candidate) : TrySelectSecondary(cache, ref candidate))
            {
                candidates[kept++] = candidate;
            }
        }

        return kept;
    }

    private bool TryGuard(ThreadCache* cache, ref ReapCandidate candidate)
    {
        CacheGate.AssertClosed(cache);
        Probe?.Invoke(ReaperStep.ReadTop);
        candidate.Slot = ReadTop(cache, candidate.Index) - (candidate.IsAtRest ? 0 : 1);
        if (candidate.Slot < Magazine.SlotsOf(ThreadCache.AllocBinOf(cache, candidate.Index)->Primary))
        {
            return false;
        }

        Probe?.Invoke(ReaperStep.SetGuard);
        candidate.Guarded = (void*)Interlocked.Exchange(ref *(nint*)candidate.Slot, 0);
        return candidate.Guarded != null;
    }

    private static bool TrySelectSecondary(ThreadCache* cache, ref ReapCandidate candidate)
    {
        CacheGate.AssertClosed(cache);
        candidate.Slot = BinCounts.SecondaryTop(cache, candidate.Index);
        return candidate.Slot >= Magazine.SlotsOf(ThreadCache.BinOf(cache, candidate.Index)->Secondary);
    }

    // Whether a bin's tops are as in the last round. Missing a use that returned to the same slots does no harm.
    private bool IsIdle(ThreadCache* cache, int index)
    {
        CacheGate.AssertClosed(cache);
        BinState* state = ThreadCache.StateAt(cache, index);
        void** allocTop = ReadTop(cache, index);
        void** freeTop = ThreadCache.IsStacked(cache, index) ? null : ThreadCache.FreeSideOf(cache, index)->FreeTop;
        bool isIdle = state->ReaperAllocTop == allocTop && state->ReaperFreeTop == freeTop;
        state->ReaperAllocTop = allocTop;
        state->ReaperFreeTop = freeTop;
        SawUse |= !isIdle;
        return isIdle;
    }

    private static void** ReadTop(ThreadCache* cache, int index) =>
        (void**)Volatile.Read(ref *(nint*)&ThreadCache.AllocBinOf(cache, index)->AllocTop);

    // After the second barrier. Whether the owner is at rest is read before its tops.
    private void Check(CacheEntryList entries, ReapCandidate* candidates, int count)
    {
        int entry = -1;
        bool isAtRest = false;
        for (int i = 0; i < count; i++)
        {
            ReapCandidate* candidate = candidates + i;
            if (candidate->Entry != entry)
            {
                entry = candidate->Entry;
                isAtRest = CheckRest(entries[entry]);
            }

            // If the owner is not known to be at rest, the guard has to lie strictly below the top.
            Probe?.Invoke(ReaperStep.ReadTop);
            candidate->Top = ReadTop(entries[entry].Magazines, candidate->Index) - (isAtRest ? 0 : 1);
        }
    }

    private void Take(ThreadCache* cache, ReapCandidate* candidate)
    {
        CacheGate.AssertClosed(cache);
        bool isPrimary = candidate->IsPrimary;
        if (isPrimary && candidate->Top < candidate->Slot)
        {
            Probe?.Invoke(ReaperStep.PutBack);
            Volatile.Write(ref *(nint*)candidate->Slot, (nint)candidate->Guarded);
            return;
        }

        Probe?.Invoke(ReaperStep.TakeSlots);
        Magazine* magazine = isPrimary
            ? ThreadCache.AllocBinOf(cache, candidate->Index)->Primary
            : ThreadCache.BinOf(cache, candidate->Index)->Secondary;
        Debug.Assert(
            candidate->Slot - Magazine.SlotsOf(magazine) < magazine->Capacity, "The candidate is beyond its magazine.");
        void** taken = stackalloc void*[magazine->Capacity];
        int count = 0;
        if (isPrimary)
        {
            taken[count++] = candidate->Guarded;
        }

        for (void** slot = isPrimary ? candidate->Slot - 1 : candidate->Slot; *slot != null; slot--)
        {
            taken[count++] = *slot;
            *slot = null;
        }

        if (isPrimary || !ThreadCache.IsStacked(cache, candidate->Index))
        {
            magazine->Holes = (byte)(candidate->Slot - Magazine.SlotsOf(magazine) + 1);
        }
        else
        {
            // The reserve magazine of a stacked class, whose count is up to date.
            magazine->Count = 0;
        }

        if (quarantine is not null && !isPrimary)
        {
            quarantine.Keep(taken, count, candidate->Index);
        }
        else
        {
            nuint found = depots[candidate->Index].FreeMany(taken, count);
            CorruptAddress = found != 0 ? found : CorruptAddress;
        }

        ReapedBlocks += count;
    }

    // Takes the blocks that are hidden from Alloc (see SampleCountdown). The owner's fast paths neither read nor write
    // their slots, so the gate is enough.
    private void TakeHidden(int index, Magazine* primary)
    {
        int count = primary->Hidden;
        primary->Hidden = 0;
        nuint found = depots[index].FreeMany(Magazine.SlotsOf(primary) + primary->Count - count, count);
        CorruptAddress = found != 0 ? found : CorruptAddress;
        ReapedBlocks += count;
    }

    private void RunBarrier()
    {
        Probe?.Invoke(ReaperStep.Barrier);
        ProcessBarrier.Run();
    }

    private bool CheckRest(CacheEntry entry)
    {
        Probe?.Invoke(ReaperStep.CheckRest);
        return entry.IsAtRest();
    }

    private void EndVisit(CacheEntry entry)
    {
        if (entry.IsHeld)
        {
            SawBlocks = SawBlocks || BinCounts.HasBlocks(entry.Magazines);
            entry.IsHeld = false;
            Probe?.Invoke(ReaperStep.OpenGate);
            CacheGate.OpenOther(entry.Magazines);
        }
    }
}

// The steps of CacheReaper that another thread may see, in order. A test compares them with the model's.
internal enum ReaperStep
{
    CloseGate,
    CheckRest,
    CloseBin,
    ReadTop,
    SetGuard,
    Barrier,
    PutBack,
    TakeSlots,
    OpenGate,
}

// What the reaper is about to take from one magazine: Slot and the older slots below it.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ReapCandidate
{
    // The index of the registry's entry, and that of the bin.
    public int Entry;
    public ushort Index;

    // Whether Alloc uses the magazine, and whether the owner was at rest when its bins were closed.
    public bool IsPrimary;
    public bool IsAtRest;

    // The newest slot to take.
    public void** Slot;

    // The block that the guard replaced in Slot; null in a magazine that Alloc does not use.
    public void* Guarded;

    // The top after the guards and the second barrier.
    public void** Top;
}
