using System;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Large;

// Runs of whole SuperSlabs, for blocks above 1 MiB. Their records are in the SuperSlabs' own headers; the page map has
// nothing on them (but for guarded ranges), so that a free takes the slow path, where a run of any length costs the
// same.
//
// Thread-safe, by the heap's SuperSlab lock: whether a run is there is asked in the same step in which it changes. What
// is done to the memory of a run outside the lock is done by a thread that has a hold of it, as a new run's maker has
// until it hands it out: others find no run there meanwhile.
internal sealed unsafe class RunAllocator(SuperSlabCache cache)
{
    private readonly Arena _arena = cache.Arena;

    // Guarded by the lock: SuperSlabs in runs, and runs, without those of guarded blocks.
    public int SlabCount { get; private set; }

    public int RunCount { get; private set; }

    // Guarded by the lock: SuperSlabs in the ranges of guarded blocks, and ranges.
    public int GuardedSlabCount { get; private set; }

    public int GuardedRunCount { get; private set; }

    // Guarded by the lock: what lies before the blocks, in bytes.
    public long OffsetBytes { get; private set; }

    // Takes a run at a multiple of alignmentSlabs (a power of two) SuperSlabs' size. The caller has a hold of it, until
    // it calls HandOut or Free.
    public bool TryAllocate(int count, int alignmentSlabs, out int head)
    {
        using (cache.SyncRoot.Enter())
        {
            head = cache.TryTakeRun(count, alignmentSlabs);
            if (head < 0)
            {
                return false;
            }

            Begin(head, count, SuperSlabState.Cached, isHeld: true);
            SlabCount += count;
            RunCount++;
            return true;
        }
    }

    // The same for the range of a guarded block, whose record is given. It is not this class that keeps others from it.
    public bool TryAllocateGuarded(int count, int alignmentSlabs, void* guard, out int head)
    {
        using (cache.SyncRoot.Enter())
        {
            head = cache.TryTakeRun(count, alignmentSlabs);
            if (head < 0)
            {
                return false;
            }

            Begin(head, count, SuperSlabState.Cached, isHeld: false);
            GuardedSlabCount += count;
            GuardedRunCount++;
            _arena.Span(head << Geometry.UnitsPerSlabShift)->Guard = guard;
            SetEntries(head, count, PageMapEntry.ForRange(EntryKind.Guarded, (nuint)_arena.AddressOfSlab(head)));
            return true;
        }
    }

    // Gives a guarded block's range back. Only the thread that has taken the block's record out of the quarantine calls
    // this.
    public void FreeGuarded(int head)
    {
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            int count = _arena.Slab(head)->RunSlabs;
            SetEntries(head, count, 0);
            _arena.Span(head << Geometry.UnitsPerSlabShift)->Guard = null;
            GuardedSlabCount -= count;
            GuardedRunCount--;
            PutAll(head, 0, count, now);
        }
    }

    // Ends the hold of a run whose block begins so many bytes behind the run's start.
    public void HandOut(int head, int offsetBytes)
    {
        using (cache.SyncRoot.Enter())
        {
            OffsetBytes += offsetBytes - _arena.Slab(head)->RunOffsetBytes;
            _arena.Slab(head)->RunOffsetBytes = offsetBytes;
            _arena.Slab(head)->IsHeld = false;
        }
    }

    // Gives back all of a run that the caller has a hold of.
    public void Free(int head)
    {
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            Shrink(head, 0, now);
        }
    }

    // Gives back all of a run whose block begins at an address. False if there is none (any more), or a thread has a
    // hold of it.
    public bool TryFree(int head, byte* address)
    {
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            if (!IsFreeRun(head, address))
            {
                return false;
            }

            Shrink(head, 0, now);
            return true;
        }
    }

    // Lets the run whose block begins at an address have that many SuperSlabs, at least one, if those behind it are
    // empty or untaken.
    public ResizeResult TryResize(int head, byte* address, int newCount)
    {
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            return IsFreeRun(head, address) ? Resize(head, newCount, now) : ResizeResult.NotThere;
        }
    }

    // Lets a growable run of units that begins with a SuperSlab become a run of that many SuperSlabs. Where it fills
    // the SuperSlab, or can, but there is no room behind it, it is a run of one afterwards.
    public ResizeResult TryAdopt(int slab, UnitAllocator from, int newCount)
    {
        long now = cache.NowMs;
        int unit = slab << Geometry.UnitsPerSlabShift;
        using (cache.SyncRoot.Enter())
        {
            if (!from.IsRun(unit) || _arena.Span(unit)->IsHeld)
            {
                return ResizeResult.NotThere;
            }

            int count = _arena.Span(unit)->UnitCount;
            if (count < Geometry.UnitsPerSlab && !from.TryExtend(unit, count, Geometry.UnitsPerSlab))
            {
                return ResizeResult.NoRoom;
            }

            from.DetachSuperSlab(slab);
            Begin(slab, 1, SuperSlabState.Spans, isHeld: false);
            SlabCount++;
            RunCount++;
            return Resize(slab, newCount, now);
        }
    }

    // Whether a run of this heap, no guarded range, begins with a SuperSlab. Under the lock.
    public bool IsRun(int head) =>
        cache.IsOwned(head) && _arena.Slab(head)->State == SuperSlabState.RunHead && *_arena.EntryOf(head << Geometry.UnitsPerSlabShift) == 0;

    // Sets those of a new run's first bytes to zero that are not known to be.
    public void Clear(int head, nuint bytes)
    {
        for (nuint offset = 0; offset < bytes; offset += Geometry.UnitBytes)
        {
            uint stale = _arena.Slab(head + (int)(offset >> Geometry.SlabShift))->StaleUnits;
            if ((stale & (1u << (int)((offset >> Geometry.UnitShift) % Geometry.UnitsPerSlab))) != 0)
            {
                // SAFETY: the run was just taken by this thread, and offset is below its size.
                new Span<byte>(_arena.AddressOfSlab(head) + offset, (int)Math.Min(Geometry.UnitBytes, bytes - offset)).Clear();
            }
        }
    }

    // Moves the pages of a run's first SuperSlabs to the start of another run, if the system can; they are zero afterwards. If not, the other
    // run is given back. The caller has a hold of both.
    public bool TryMovePages(int from, int to, int count)
    {
        // One SuperSlab at a time: the kernel moves what is one mapping of its own, and those begin and end at SuperSlabs.
        for (int moved = 0; moved < count; moved++)
        {
            byte* target = _arena.AddressOfSlab(to + moved);
            RangeMark.Write(target);
            if (!_arena.Os.TryMove(_arena.AddressOfSlab(from + moved), target, Geometry.SlabBytes))
            {
                CopyBack(from, to, moved);
                FreeTarget(to, to + moved);
                return false;
            }
        }

        using (cache.SyncRoot.Enter())
        {
            for (int slab = from; slab < from + count; slab++)
            {
                _arena.Slab(slab)->DirtyUnits = 0;
            }
        }

        return true;
    }

    // A refused move may have taken its target's mapping away. What is still committed goes back to the cache with the
    // rest of the run, and what is reserved anew to the arena. A SuperSlab in which somebody else's mapping is, or may
    // be, is given up: nobody has it ever again.
    private void FreeTarget(int head, int refused)
    {
        RangeState state = _arena.Os.Reclaim(_arena.AddressOfSlab(refused), Geometry.SlabBytes);
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            Shrink(head, 0, now);
            if (state != RangeState.Committed)
            {
                cache.RemoveUncommitted(refused, isReserved: state == RangeState.Reserved);
            }
        }
    }

    // Whether a run whose block begins at an address is there, and nobody has a hold of it.
    private bool IsFreeRun(int head, byte* address) =>
        IsRun(head) && !_arena.Slab(head)->IsHeld && address == _arena.AddressOfSlab(head) + _arena.Slab(head)->RunOffsetBytes;

    private ResizeResult Resize(int head, int newCount, long now)
    {
        int count = _arena.Slab(head)->RunSlabs;
        if (newCount > count)
        {
            if (!cache.TryTakeAt(head + count, newCount - count))
            {
                return ResizeResult.NoRoom;
            }

            Form(head, head + count, newCount - count, SuperSlabState.Cached);
            SlabCount += newCount - count;
        }
        else if (newCount < count)
        {
            Shrink(head, newCount, now);
        }

        return ResizeResult.Done;
    }

    private void Shrink(int head, int keep, long now)
    {
        SuperSlabHeader* header = _arena.Slab(head);
        int count = header->RunSlabs;
        SlabCount -= count - keep;
        RunCount -= keep == 0 ? 1 : 0;
        OffsetBytes -= keep == 0 ? header->RunOffsetBytes : 0;
        PutAll(head, keep, count, now);
    }

    private void PutAll(int head, int keep, int count, long now)
    {
        _arena.Slab(head)->RunSlabs = keep;

        // From the end, so that the newest in the cache is the first of the run.
        for (int slab = head + count - 1; slab >= head + keep; slab--)
        {
            cache.Put(slab, slab == head ? SuperSlabState.RunHead : SuperSlabState.RunBody, now);
        }
    }

    // A SuperSlab at a time, since the page map may wrap between two.
    private void SetEntries(int head, int count, ulong entry)
    {
        for (int slab = head; slab < head + count; slab++)
        {
            _arena.SetEntries(slab << Geometry.UnitsPerSlabShift, Geometry.UnitsPerSlab, entry);
        }
    }

    private void Begin(int head, int count, SuperSlabState from, bool isHeld)
    {
        Form(head, head, count, from);
        SuperSlabHeader* header = _arena.Slab(head);
        header->SetState(SuperSlabState.RunBody, SuperSlabState.RunHead);
        header->RunOffsetBytes = 0;
        header->IsHeld = isHeld;
    }

    // By bytes: a move back that is refused might leave a hole in the block's own place, and somebody else's mapping in
    // it. What the pages came from is committed, as no refused move had it for its target.
    private void CopyBack(int from, int to, int count)
    {
        for (int slab = 0; slab < count; slab++)
        {
            Buffer.MemoryCopy(_arena.AddressOfSlab(to + slab), _arena.AddressOfSlab(from + slab), Geometry.SlabBytes, Geometry.SlabBytes);
        }
    }

    private void Form(int head, int first, int count, SuperSlabState from)
    {
        for (int slab = first; slab < first + count; slab++)
        {
            SuperSlabHeader* header = _arena.Slab(slab);
            header->SetState(from, SuperSlabState.RunBody);
            header->RunHead = head;
            header->FreeUnits = 0;
            header->StaleUnits = header->DirtyUnits;
            header->DirtyUnits = UnitMask.All;
        }

        _arena.Slab(head)->RunSlabs = first - head + count;
    }
}
