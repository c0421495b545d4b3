using System;
using Hakmem.Arenas;
using Hakmem.Os;
using Hakmem.SizeClasses;

namespace Hakmem.Spans;

// Runs of whole SuperSlabs, for blocks above 1 MiB. Their records are in the SuperSlabs' own headers; the page map has nothing on them,
// so that a free takes the slow path, where a run of any length costs the same.
//
// Thread-safe, by the heap's SuperSlab lock. What is done to the memory of a run that is not handed out yet, or is being resized by its
// owner, happens outside the lock.
internal sealed unsafe class RunAllocator(SuperSlabCache cache)
{
    private readonly Arena _arena = cache.Arena;

    // Guarded by the lock: SuperSlabs in runs, and runs.
    public int SlabCount { get; private set; }

    public int RunCount { get; private set; }

    // Guarded by the lock: what lies before the blocks, in bytes.
    public long OffsetBytes { get; private set; }

    // Takes a run at a multiple of alignmentSlabs (a power of two) SuperSlabs' size. Its block begins at its start.
    public bool TryAllocate(int count, int alignmentSlabs, out int head)
    {
        using (cache.SyncRoot.Enter())
        {
            head = cache.TryTakeRun(count, alignmentSlabs);
            if (head < 0)
            {
                return false;
            }

            Form(head, head, count);
            _arena.Slab(head)->State = SuperSlabState.RunHead;
            _arena.Slab(head)->RunOffsetBytes = 0;
            RunCount++;
            return true;
        }
    }

    // Lets the block of a run that is not handed out yet begin so many bytes behind the run's start.
    public void SetOffset(int head, int offsetBytes)
    {
        using (cache.SyncRoot.Enter())
        {
            OffsetBytes += offsetBytes - _arena.Slab(head)->RunOffsetBytes;
            _arena.Slab(head)->RunOffsetBytes = offsetBytes;
        }
    }

    // Takes the SuperSlabs behind a run, if they are empty or untaken.
    public bool TryExtend(int head, int count, int newCount)
    {
        using (cache.SyncRoot.Enter())
        {
            if (!cache.TryTakeAt(head + count, newCount - count))
            {
                return false;
            }

            Form(head, head + count, newCount - count);
            return true;
        }
    }

    // Gives back a run's last SuperSlabs, or all of them. False if there is no such run (any more).
    public bool TryShrink(int head, int keep)
    {
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            return TryShrinkLocked(head, keep, now);
        }
    }

    // Makes a run out of a SuperSlab that one growable run of units fills.
    public void Adopt(int slab, UnitAllocator from)
    {
        using (cache.SyncRoot.Enter())
        {
            from.Surrender(slab);
            Form(slab, slab, 1);
            _arena.Slab(slab)->State = SuperSlabState.RunHead;
            _arena.Slab(slab)->RunOffsetBytes = 0;
            RunCount++;
        }
    }

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
    // run is given back.
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
                GiveBackTarget(to, to + moved);
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

    // A refused move may have taken its target's mapping away. What is still committed goes back to the cache with the rest of the run, and what is
    // reserved anew to the arena. A SuperSlab in which somebody else's mapping is, or may be, is given up: nobody has it ever again.
    private void GiveBackTarget(int head, int refused)
    {
        RangeState state = _arena.Os.Reclaim(_arena.AddressOfSlab(refused), Geometry.SlabBytes);
        long now = cache.NowMs;
        using (cache.SyncRoot.Enter())
        {
            TryShrinkLocked(head, 0, now);
            if (state != RangeState.Committed)
            {
                cache.Forget(refused, isReserved: state == RangeState.Reserved);
            }
        }
    }

    private bool TryShrinkLocked(int head, int keep, long now)
    {
        SuperSlabHeader* header = _arena.Slab(head);
        int count = header->RunSlabs;
        if (header->State != SuperSlabState.RunHead || count <= keep)
        {
            return false;
        }

        header->RunSlabs = keep;
        SlabCount -= count - keep;
        RunCount -= keep == 0 ? 1 : 0;
        OffsetBytes -= keep == 0 ? header->RunOffsetBytes : 0;

        // From the end, so that the newest in the cache is the first of the run.
        for (int slab = head + count - 1; slab >= head + keep; slab--)
        {
            cache.Put(slab, now);
        }

        return true;
    }

    // By bytes: a move back that is refused might leave a hole in the block's own place, and somebody else's mapping in it. What the pages came from
    // is committed, as no refused move had it for its target.
    private void CopyBack(int from, int to, int count)
    {
        for (int slab = 0; slab < count; slab++)
        {
            Buffer.MemoryCopy(_arena.AddressOfSlab(to + slab), _arena.AddressOfSlab(from + slab), Geometry.SlabBytes, Geometry.SlabBytes);
        }
    }

    private void Form(int head, int first, int count)
    {
        for (int slab = first; slab < first + count; slab++)
        {
            SuperSlabHeader* header = _arena.Slab(slab);
            header->State = SuperSlabState.RunBody;
            header->RunHead = head;
            header->FreeUnits = 0;
            header->StaleUnits = header->DirtyUnits;
            header->DirtyUnits = UnitMask.All;
        }

        _arena.Slab(head)->RunSlabs = first - head + count;
        SlabCount += count;
    }
}
