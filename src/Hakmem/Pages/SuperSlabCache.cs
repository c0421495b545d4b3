using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// What a heap has committed, and which of it is empty: gets SuperSlabs from the arena within the heap's limit, keeps empty ones for
// reuse and gives them back.
//
//   untaken --commit--> in use --emptied--> cached, dirty --PurgeDelay--> cached, clean --TTL, limits--> decommitted, untaken
//                          ^____________________|______________________________|
//
// Dirty ones are reused before clean ones and the newest before older ones, since their pages are there and warm. Purging by age is the
// decay's; what is too much, or to be discarded at once, is purged by whoever emptied it, once that thread holds no lock.
//
// One lock a heap, SyncRoot, guards this class and the two allocators above it; it is taken under a depot's lock and above the
// arena's. Purging happens outside it: a SuperSlab being purged is in no list and in state Purging.
internal sealed unsafe partial class SuperSlabCache(Arena arena, int heapSlot, HeapLimits limits)
{
    // All below is guarded by SyncRoot.
    private readonly SuperSlabBitmap _owned = new(arena.Metadata);
    private readonly EmptySuperSlabs _empty = new(arena);
    private int _peakCount;

    // How often SuperSlabs came from the arena. Written under the lock (release), read without it as a hint (acquire).
    private volatile int _growthCount;

    public UninterruptibleLock SyncRoot { get; } = new();

    public Arena Arena => arena;

    public long NowMs => limits.NowMs;

    // Whether dirty memory is ever discarded by age, and after how long.
    public bool IsDiscarding => limits.LazyZero != LazyZeroMode.Off;

    public long PurgeDelayMs => limits.LazyZero == LazyZeroMode.Immediate ? 0 : limits.PurgeDelayMs;

    public int GrowthCount => _growthCount;

    // Whether a SuperSlab is discarded as a whole or not at all: a hole in a huge page breaks it into small ones.
    public bool KeepsHugePages => limits.HugePages == HugePageMode.Always;

    public int OwnedCount => _owned.Count;

    public int CachedCount => _empty.Set.Count;

    public long CommittedBytes => (long)_owned.Count << Geometry.SlabShift;

    public long PeakCommittedBytes => (long)_peakCount << Geometry.SlabShift;

    // The first SuperSlab of this heap at or after an index, in whatever state; -1 if there is none.
    public int NextOwned(int from) => _owned.NextMember(from);

    // Whether the heap has a SuperSlab, in whatever state. While SyncRoot is held no other heap can get it, and its
    // header can be believed.
    public bool IsOwned(int slab) => _owned.Contains(slab);

    // Whether a SuperSlab can be had without asking the arena for a new one.
    public bool IsCached(int slab) => _empty.Set.Contains(slab);

    // The same of any.
    public bool HasEmpty => _empty.Warmest >= 0;

    // Takes one SuperSlab, the warmest there is; -1 if memory or the limit is out. Under SyncRoot.
    public int TryTake()
    {
        int slab = _empty.Warmest;
        if (slab >= 0)
        {
            _empty.Remove(slab);
            return slab;
        }

        return TryGrow(1, 1);
    }

    // Takes SuperSlabs that lie together: cached ones if possible, else new ones around cached ones. Under SyncRoot.
    public int TryTakeRun(int count, int alignmentSlabs)
    {
        int first = _empty.Set.FindRun(count, alignmentSlabs, arena.PhaseOf(alignmentSlabs));
        if (first < 0 && IsWithinLimit(count))
        {
            first = arena.TryTakeAround(_empty.Set, count, alignmentSlabs);
            if (first >= 0 && !TryCommitGaps(first, count))
            {
                first = -1;
            }
        }

        if (first < 0)
        {
            if (CanMakeRoomFor(count))
            {
                ReleaseCached();
            }

            return TryGrow(count, alignmentSlabs);
        }

        for (int slab = first; slab < first + count; slab++)
        {
            _empty.Remove(slab);
        }

        return first;
    }

    // Takes exactly these SuperSlabs, if each is cached or untaken. Under SyncRoot.
    public bool TryTakeAt(int first, int count)
    {
        for (int slab = first; slab < first + count; slab++)
        {
            if (!_empty.Set.Contains(slab) && !(IsWithinLimit(1) && arena.TryTakeAt(slab, 1) && TryAdopt(slab, 1)))
            {
                // Those that were got stay cached: they are empty and will be used or purged like any other.
                return false;
            }
        }

        for (int slab = first; slab < first + count; slab++)
        {
            _empty.Remove(slab);
        }

        return true;
    }

    // Takes back an empty SuperSlab. Under SyncRoot; see that PurgeExcess is called with no lock held.
    public void Put(int slab, long now)
    {
        arena.Slab(slab)->EmptySince = now;
        _empty.Add(slab);
        _hasExcess |= IsTooMuch || limits.IsEager || limits.CacheTtlMs == 0;
    }

    // Gives back every cached SuperSlab. Under SyncRoot.
    public void ReleaseCached()
    {
        int first = _empty.Set.NextMember(0);
        while (first >= 0)
        {
            int end = _empty.Set.NextGap(first, _empty.Set.Limit);
            if (arena.Os.TryDecommit(arena.AddressOfSlab(first), (nuint)(end - first) << Geometry.SlabShift))
            {
                for (int slab = first; slab < end; slab++)
                {
                    _empty.Remove(slab);
                }

                ReturnToArena(first, end - first);
                CountPurge((long)(end - first) << Geometry.SlabShift);
            }

            first = _empty.Set.NextMember(end);
        }
    }

    // Lets go of a cached SuperSlab that is not committed; isReserved says whether it may be committed again. Under SyncRoot.
    public void RemoveUncommitted(int slab, bool isReserved)
    {
        _empty.Remove(slab);
        if (isReserved)
        {
            ReturnToArena(slab, 1);
        }
        else
        {
            Retire(slab, 1);
        }
    }

    // Gives back everything the heap has, in use or not; its page map entries must have been cleared. Under SyncRoot.
    public void ReleaseAll()
    {
        int first = _owned.NextMember(0);
        while (first >= 0)
        {
            int end = _owned.NextGap(first, _owned.Limit);
            byte* address = arena.AddressOfSlab(first);
            nuint bytes = (nuint)(end - first) << Geometry.SlabShift;

            // If the system refuses to take the range back, its contents go and the address range stays lost to this process: a
            // range whose pages may be dirty must not pass for fresh.
            if (arena.Os.TryDecommit(address, bytes))
            {
                ReturnToArena(first, end - first);
            }
            else
            {
                arena.Os.TryDiscard(address, bytes);
                Retire(first, end - first);
            }

            first = _owned.NextMember(end);
        }

        _empty.Clear();
        _owned.Clear();
    }

    // Checks the records of empty SuperSlabs. Under SyncRoot.
    public void VerifyEmpty(HeapCheck check) => _empty.Verify(check);

    private bool IsWithinLimit(int more) =>
        limits.MaxBytes == 0 || (long)(_owned.Count + more) << Geometry.SlabShift <= limits.MaxBytes;

    // Whether a request that the limits refuse could be served if every cached SuperSlab were given back. If not, they
    // stay: a thread whose requests fail would else take them from those that are about to use them again.
    private bool CanMakeRoomFor(int count) =>
        IsWithinLimit(count - _empty.Set.Count) &&
        arena.TakenBytes + ((long)(count - _empty.Set.Count) << Geometry.SlabShift) <= arena.LimitBytes;

    // New SuperSlabs from the arena, committed and in no list; -1 if memory or the limit is out, even with the cache given up.
    private int TryGrow(int count, int alignmentSlabs)
    {
        if (!IsWithinLimit(count))
        {
            if (!CanMakeRoomFor(count))
            {
                return -1;
            }

            ReleaseCached();
            if (!IsWithinLimit(count))
            {
                return -1;
            }
        }

        int first = arena.TryTake(count, alignmentSlabs);
        if (first < 0 || !TryAdopt(first, count))
        {
            return -1;
        }

        for (int slab = first; slab < first + count; slab++)
        {
            _empty.Remove(slab);
        }

        return first;
    }

    private bool TryCommitGaps(int first, int count)
    {
        bool isDone = true;
        int end = first + count;
        int gap = _empty.Set.NextGap(first, end);
        while (gap < end)
        {
            int member = _empty.Set.NextMember(gap);
            int gapEnd = member < 0 ? end : Math.Min(member, end);

            // After a refusal the rest of what the arena gave goes straight back.
            if (isDone)
            {
                isDone = TryAdopt(gap, gapEnd - gap);
            }
            else
            {
                arena.Untake(gap, gapEnd - gap);
            }

            gap = _empty.Set.NextGap(gapEnd, end);
        }

        return isDone;
    }

    // Commits SuperSlabs just taken from the arena and enters them in the cache, clean; on failure the arena has them back.
    private bool TryAdopt(int first, int count)
    {
        byte* address = arena.AddressOfSlab(first);
        nuint bytes = (nuint)count << Geometry.SlabShift;
        OsMemory os = arena.Os;
        int end = first + count;
        if (!_owned.TryReserve(end) || !_empty.Set.TryReserve(end) || !os.TryCommit(address, bytes))
        {
            arena.Untake(first, count);
            return false;
        }

        // Advice that is refused changes nothing but speed.
        if (limits.HugePages != HugePageMode.Default)
        {
            os.TryAdviseHugePages(address, bytes, limits.HugePages == HugePageMode.Always);
        }

        if (limits.Prefault != PrefaultMode.None)
        {
            os.TryPrefault(address, bytes, limits.Prefault);
        }

        _owned.Add(first, count);
        _peakCount = Math.Max(_peakCount, _owned.Count);
        _growthCount++;
        for (int slab = first; slab < end; slab++)
        {
            SuperSlabHeader* header = arena.Slab(slab);
            header->HeapSlot = heapSlot;

            // Populated pages are zero, but they are there: what is to be purged when it stays empty counts as dirty.
            header->DirtyUnits = limits.Prefault is PrefaultMode.Populate or PrefaultMode.Touch ? UnitMask.All : 0;
            header->EmptySince = NowMs;
            _empty.Add(slab);
        }

        return true;
    }

    // What nobody may have again: it stays taken in the arena.
    private void Retire(int first, int count)
    {
        for (int slab = first; slab < first + count; slab++)
        {
            arena.Slab(slab)->State = SuperSlabState.Untaken;
            arena.Slab(slab)->HeapSlot = -1;
        }

        _owned.Remove(first, count);
    }

    private void ReturnToArena(int first, int count)
    {
        for (int slab = first; slab < first + count; slab++)
        {
            arena.Slab(slab)->State = SuperSlabState.Untaken;
        }

        _owned.Remove(first, count);
        arena.Return(first, count);
    }
}
