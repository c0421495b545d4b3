using System;
using System.Diagnostics;
using System.Numerics;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Large;

// Runs of whole SuperSlabs, for blocks above 1 MiB. The SuperSlabs' headers contain their records. The page map has no
// entries for them (except guarded ranges), so a free takes the slow path, at the same cost for any length.
//
// Thread-safe, by the heap's SuperSlab lock: a member checks that a run exists in the step that changes it. A thread
// that works on a run's memory outside the lock holds the run, and the thread that allocates it holds it until HandOut;
// other threads find no run there meanwhile.
internal sealed unsafe class RunAllocator(SuperSlabCache cache)
{
    private readonly Arena _arena = cache.Arena;

    // Guarded by the lock: SuperSlabs in runs, and runs; guarded ranges do not count.
    public int SlabCount { get; private set; }

    public int RunCount { get; private set; }

    // Guarded by the lock: SuperSlabs in guarded ranges, and ranges.
    public int GuardedSlabCount { get; private set; }

    public int GuardedRunCount { get; private set; }

    // Guarded by the lock: the bytes in front of the blocks.
    public long OffsetBytes { get; private set; }

    // Allocates a run at a multiple of alignmentSlabs (a power of two) SuperSlabs. The caller holds it until it calls
    // HandOut or Free.
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

    // Allocates the range of a guarded block with the given record. GuardedBlocks decides which thread uses it.
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

    // Frees a guarded block's range. The caller is the thread that took the record out of the quarantine.
    public void FreeGuarded(int head)
    {
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            int count = _arena.Slab(head)->RunSlabs;
            Debug.Assert(_arena.Slab(head)->State == SuperSlabState.RunHead, "A guarded range begins here.");
            SetEntries(head, count, 0);
            _arena.Span(head << Geometry.UnitsPerSlabShift)->Guard = null;
            GuardedSlabCount -= count;
            GuardedRunCount--;
            PutAll(head, 0, count, now);
        }
    }

    // Ends the hold of a run whose block begins offsetBytes after the run's start.
    public void HandOut(int head, int offsetBytes)
    {
        using (cache.SyncRoot.Enter())
        {
            Debug.Assert(_arena.Slab(head)->IsHeld, "The caller holds the run.");
            OffsetBytes += offsetBytes - _arena.Slab(head)->RunOffsetBytes;
            _arena.Slab(head)->RunOffsetBytes = offsetBytes;
            _arena.Slab(head)->IsHeld = false;
        }
    }

    // Frees a run that the caller holds.
    public void Free(int head)
    {
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            Shrink(head, 0, now);
        }
    }

    // Frees a run whose block begins at an address. Returns false if there is none, or a thread holds it.
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

    // Resizes the run whose block begins at an address, to at least one SuperSlab. It grows if the SuperSlabs behind it
    // are cached or untaken. Without mayShrink, a run that is larger already stays as it is.
    public ResizeResult TryResize(int head, byte* address, int newCount, bool mayShrink = true)
    {
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            return !IsFreeRun(head, address) ? ResizeResult.NotThere
                : !mayShrink && newCount <= _arena.Slab(head)->RunSlabs ? ResizeResult.Done
                : Resize(head, newCount, now);
        }
    }

    // Turns a growable unit run that begins with a SuperSlab into a run of newCount SuperSlabs. If there is no room
    // behind it, it becomes a run of one, provided that it can fill the SuperSlab.
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

    // Whether a run of this heap, except a guarded range, begins with a SuperSlab. Under the lock.
    public bool IsRun(int head) =>
        cache.IsOwned(head) && _arena.Slab(head)->State == SuperSlabState.RunHead &&
        *_arena.EntryOf(head << Geometry.UnitsPerSlabShift) == 0;

    // Clears those of a new run's first bytes that are not known to be zero.
    public void Clear(int head, nuint bytes)
    {
        for (nuint offset = 0; offset < bytes; offset += Geometry.UnitBytes)
        {
            uint stale = _arena.Slab(head + (int)(offset >> Geometry.SlabShift))->StaleUnits;
            if ((stale & (1u << (int)((offset >> Geometry.UnitShift) % Geometry.UnitsPerSlab))) != 0)
            {
                // SAFETY: this thread holds the run, and offset is below its size.
                int length = (int)Math.Min(Geometry.UnitBytes, bytes - offset);
                new Span<byte>(_arena.AddressOfSlab(head) + offset, length).Clear();
            }
        }
    }

    // Whether at least half of the units of a new run's first SuperSlabs were handed out since they were last purged,
    // and so are likely to have pages. It is better to copy to them then: moved pages replace them, and both they and
    // those of the source are faulted in again later. The caller holds the run, and has not written to it.
    public bool IsWarm(int head, int count)
    {
        int warm = 0;
        for (int slab = head; slab < head + count; slab++)
        {
            warm += BitOperations.PopCount(_arena.Slab(slab)->StaleUnits);
        }

        return warm >= count * Geometry.UnitsPerSlab / 2;
    }

    // Moves the pages of a run's first SuperSlabs to the start of another run, if the system can; the old pages are
    // zero afterwards. If not, the other run is freed. The caller holds both.
    public bool TryMovePages(int from, int to, int count)
    {
        // One SuperSlab at a time: a system moves within one mapping only, and mappings begin and end at SuperSlabs.
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

    // Frees the target after a refused move, which may have removed a mapping of the target. SuperSlabs that are still
    // committed go to the cache, and one that was reserved again goes to the arena. One that another mapping occupies,
    // or may occupy, is never used again.
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

    // Whether a run whose block begins at an address exists, and no thread holds it.
    private bool IsFreeRun(int head, byte* address) =>
        IsRun(head) && !_arena.Slab(head)->IsHeld &&
        address == _arena.AddressOfSlab(head) + _arena.Slab(head)->RunOffsetBytes;

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
        Debug.Assert(header->State == SuperSlabState.RunHead && keep <= header->RunSlabs, "A run shrinks.");
        int count = header->RunSlabs;
        SlabCount -= count - keep;
        RunCount -= keep == 0 ? 1 : 0;
        OffsetBytes -= keep == 0 ? header->RunOffsetBytes : 0;
        PutAll(head, keep, count, now);
    }

    private void PutAll(int head, int keep, int count, long now)
    {
        _arena.Slab(head)->RunSlabs = keep;

        // From the end, so that the run's first SuperSlab is the newest in the cache.
        for (int slab = head + count - 1; slab >= head + keep; slab--)
        {
            cache.Put(slab, slab == head ? SuperSlabState.RunHead : SuperSlabState.RunBody, now);
        }
    }

    // One SuperSlab at a time, because the page map may wrap between two.
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

    // Copies the bytes back. A move back could be refused too, and leave another mapping in the block's own range. The
    // source is committed, because it was no target of a refused move.
    private void CopyBack(int from, int to, int count)
    {
        for (int slab = 0; slab < count; slab++)
        {
            byte* target = _arena.AddressOfSlab(from + slab);
            Buffer.MemoryCopy(_arena.AddressOfSlab(to + slab), target, Geometry.SlabBytes, Geometry.SlabBytes);
        }
    }

    private void Form(int head, int first, int count, SuperSlabState from)
    {
        cache.SyncRoot.AssertHeld();
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
