using System;
using System.Numerics;
using Hakmem.Records;

namespace Hakmem.Pages;

// Discarding dirty free units of partly used SuperSlabs. Their pages go, their place stays. Where a heap is to keep huge pages, it does not
// happen: a SuperSlab is then discarded whole or not at all.
internal sealed unsafe partial class UnitAllocator
{
    // How many runs of units are discarded in one go, between two times under the lock.
    private const int MaxBatch = 64;

    // Discards free units that have been free for the purge delay, in one call for each stretch of them. They are taken while it
    // happens, so that the lock is not held during the calls. Gives the time at which the next will be due, or long.MaxValue. Under the
    // purge lock.
    public long PurgeUnits(long now)
    {
        Span<UnitRange> batch = stackalloc UnitRange[MaxBatch];
        int slab = 0;
        long nextDue = long.MaxValue;
        while (slab >= 0)
        {
            int count = 0;
            using (_cache.SyncRoot.Enter())
            {
                slab = _cache.NextOwned(slab);
                while (slab >= 0 && count + Geometry.UnitsPerSlab / 2 <= MaxBatch)
                {
                    count += TakeOverdue(slab, now, batch[count..], ref nextDue);
                    slab = _cache.NextOwned(slab + 1);
                }
            }

            FinishPurge(batch[..count], now);
        }

        return nextDue;
    }

    // Discards all dirty free units of partly used SuperSlabs, unless that would break huge pages. Under the lock.
    public void DiscardFreeUnits()
    {
        if (_cache.KeepsHugePages)
        {
            return;
        }

        for (int slab = _cache.NextOwned(0); slab >= 0; slab = _cache.NextOwned(slab + 1))
        {
            SuperSlabHeader* header = _arena.Slab(slab);
            uint units = header->State == SuperSlabState.Spans ? header->FreeUnits & header->DirtyUnits : 0;
            while (units != 0)
            {
                UnitRange range = TakeFirstRun(slab, ref units);
                if (TryDiscard(range))
                {
                    Finish(range);
                }
            }
        }
    }

    // The first run of set bits, which is cleared.
    private static UnitRange TakeFirstRun(int slab, ref uint units)
    {
        int first = BitOperations.TrailingZeroCount(units);
        int count = Math.Min(BitOperations.TrailingZeroCount(~(units >> first)), Geometry.UnitsPerSlab - first);
        UnitRange range = new(slab, first, count);
        units &= ~range.Mask;
        return range;
    }

    private bool TryDiscard(UnitRange range)
    {
        nuint bytes = (nuint)range.Count << Geometry.UnitShift;
        return _arena.Os.TryDiscard(_arena.AddressOfUnit(range.Unit), bytes);
    }

    private void Finish(UnitRange range)
    {
        _arena.Slab(range.Slab)->DirtyUnits &= ~range.Mask;
        _cache.CountPurge((long)range.Count << Geometry.UnitShift);
    }

    // Takes those units of a SuperSlab that are due for discarding; gives the number of stretches. Under the lock.
    private int TakeOverdue(int slab, long now, Span<UnitRange> batch, ref long nextDue)
    {
        SuperSlabHeader* header = _arena.Slab(slab);
        uint dirty = header->State == SuperSlabState.Spans && _cache.IsDiscarding && !_cache.KeepsHugePages ? header->FreeUnits & header->DirtyUnits : 0;
        uint overdue = 0;
        for (uint rest = dirty; rest != 0; rest &= rest - 1)
        {
            int unit = BitOperations.TrailingZeroCount(rest);

            // A unit that the SuperSlab has been empty with was free at least then, whatever it was used for before.
            long freedAt = Math.Max(_arena.Span((slab << Geometry.UnitsPerSlabShift) + unit)->FreedAt, header->EmptySince);
            if (now - freedAt >= _cache.PurgeDelayMs)
            {
                overdue |= 1u << unit;
            }
            else
            {
                nextDue = Math.Min(nextDue, freedAt + _cache.PurgeDelayMs);
            }
        }

        if (overdue == 0)
        {
            return 0;
        }

        Unlink(slab);
        Take(slab, overdue);
        int count = 0;
        while (overdue != 0)
        {
            batch[count++] = TakeFirstRun(slab, ref overdue);
        }

        return count;
    }

    private void FinishPurge(ReadOnlySpan<UnitRange> batch, long now)
    {
        ulong isDone = 0;
        try
        {
            for (int i = 0; i < batch.Length; i++)
            {
                isDone |= TryDiscard(batch[i]) ? 1UL << i : 0;
            }
        }
        finally
        {
            // Also after an exception, whatever its cause: else these units would stay taken for good.
            using (_cache.SyncRoot.Enter())
            {
                for (int i = 0; i < batch.Length; i++)
                {
                    UnitRange range = batch[i];
                    if ((isDone & (1UL << i)) != 0)
                    {
                        Finish(range);
                    }
                    else
                    {
                        // The system refused: one delay from now, not at once.
                        MarkFreed(range.Unit, range.Count, now);
                    }

                    FreeUnits(range.Unit, range.Count, now);
                }
            }
        }
    }
}
