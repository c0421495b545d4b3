using System;
using System.Runtime.CompilerServices;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// How a heap gets SuperSlabs from the arena.
internal sealed unsafe partial class SuperSlabCache
{
    // Takes new SuperSlabs, committed and in no list; -1 if memory or limit is exhausted even without the cached ones.
    private int TryGrow(int count, int alignmentSlabs)
    {
        if (!IsWithinLimit(count) && CanMakeRoomFor(count))
        {
            ReleaseCached();
        }

        int first = IsWithinLimit(count) ? arena.TryTake(count, alignmentSlabs) : -1;
        if (first < 0 || !TryAdopt(first, count))
        {
            return -1;
        }

        _empty.Remove(first, count);
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

            // After a refusal the remaining gaps go back to the arena.
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

    // Commits SuperSlabs just taken and adds them to the cache, clean; after a failure the arena has them back.
    private bool TryAdopt(int first, int count)
    {
        SyncRoot.AssertHeld();
        byte* address = arena.AddressOfSlab(first);
        nuint bytes = (nuint)count << Geometry.SlabShift;
        OsMemory os = arena.Os;
        int end = first + count;
        bool isAdmitted = Budget.TryReserve((long)bytes, out long reached);
        if (!isAdmitted || !_owned.TryReserve(end) || !_empty.Set.TryReserve(end) || !os.TryCommit(address, bytes))
        {
            Budget.Remove(isAdmitted ? (long)bytes : 0);
            arena.Untake(first, count);
            return false;
        }

        // Only now: what the system refuses is in no peak and exceeds no soft limit, unless another thread adds bytes
        // meanwhile.
        Budget.NoteGrowth(reached);
        if (limits.IsPrepared)
        {
            Prepare(address, bytes);
        }

        _owned.Add(first, count);
        _growthCount++;
        GrownSlabs += count;
        for (int slab = first; slab < end; slab++)
        {
            SuperSlabHeader* header = arena.Slab(slab);
            header->HeapSlot = heapSlot;

            // Populated pages are zero, but they take memory: they count as dirty, so that they are purged while empty.
            header->DirtyUnits = limits.IsPopulated ? UnitMask.All : 0;
            header->EmptySince = NowMs;
            _empty.Add(slab, SuperSlabState.Untaken);
        }

        return true;
    }

    // Apart, as hardly a heap asks for it. Refused advice costs nothing but speed.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Prepare(byte* address, nuint bytes)
    {
        if (limits.HugePages != HugePageMode.Default)
        {
            arena.Os.TryAdviseHugePages(address, bytes, limits.HugePages == HugePageMode.Always);
        }

        if (limits.Prefault != PrefaultMode.None)
        {
            arena.Os.TryPrefault(address, bytes, limits.Prefault);
        }
    }
}
