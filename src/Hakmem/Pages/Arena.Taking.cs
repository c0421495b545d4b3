using System;

namespace Hakmem.Pages;

// Which SuperSlabs are handed out: the lowest that do not rest.
internal sealed unsafe partial class Arena
{
    // So many SuperSlabs at least rest after they were given back, and no more than were ever taken at a time if that
    // is more. Each that is taken for the first time costs 18 KiB of tables' pages, so that a program which makes and
    // disposes heaps in a loop pays 2.3 MiB once.
    private const int LeastRestingSlabs = 128;

    // Guarded by _lock: SuperSlabs that are taken or rest, those that rest, and how many were ever taken at a time.
    private readonly SuperSlabBitmap _occupied;
    private readonly ReleasedSuperSlabs _resting;
    private int _peakTaken;

    // Takes the lowest run of untaken SuperSlabs whose address is a multiple of alignmentSlabs SuperSlabs, if possible
    // of such as do not rest; -1 if there is none.
    public int TryTake(int count, int alignmentSlabs)
    {
        int phase = PhaseOf(alignmentSlabs);
        using (_lock.Enter())
        {
            int first = _occupied.FindGapRun(count, alignmentSlabs, phase, SlabCount);
            bool isPossible = first >= 0 || _taken.FindGapRun(count, alignmentSlabs, phase, SlabCount) >= 0;
            while (first < 0 && isPossible)
            {
                // The address range is used up: half of those that rest have to do, the older ones.
                LetRest(_resting.Count / 2);
                first = _occupied.FindGapRun(count, alignmentSlabs, phase, SlabCount);
            }

            return first >= 0 && TryTakeLocked(first, count) ? first : -1;
        }
    }

    // Finds the lowest such run in which SuperSlabs of the given set count as untaken, and takes those that are; the
    // members stay as they were. -1 if there is none.
    public int TryTakeAround(SuperSlabBitmap own, int count, int alignmentSlabs)
    {
        int phase = PhaseOf(alignmentSlabs);
        using (_lock.Enter())
        {
            int first = FindRunAround(own, _occupied, count, alignmentSlabs, phase);
            first = first < 0 ? FindRunAround(own, _taken, count, alignmentSlabs, phase) : first;
            if (first < 0 || !_limit.Admits(_taken.Count + count - own.CountIn(first, count)) || !TryReserve(first + count) ||
                (first + count > _tableSlabs && !TryExtendTables(first + count)))
            {
                return -1;
            }

            for (int slab = first; slab < first + count; slab++)
            {
                if (!own.Contains(slab))
                {
                    MarkTaken(slab, 1);
                }
            }

            return first;
        }
    }

    // Takes exactly these SuperSlabs if they are untaken, resting or not: a run grows into them, and no pointer into
    // the middle of a block passes for one.
    public bool TryTakeAt(int first, int count)
    {
        using (_lock.Enter())
        {
            int member = _taken.NextMember(first);
            return first + count <= SlabCount && (member < 0 || member >= first + count) && TryTakeLocked(first, count);
        }
    }

    // Takes back SuperSlabs that nobody has had since they were taken: they need no rest.
    public void Untake(int first, int count)
    {
        using (_lock.Enter())
        {
            _taken.Remove(first, count);
            _occupied.Remove(first, count);
        }
    }

    // Returns SuperSlabs, which must be decommitted.
    public void Return(int first, int count)
    {
        using (_lock.Enter())
        {
            _live?.Discard(first, count);
            _taken.Remove(first, count);
            for (int slab = first; slab < first + count; slab++)
            {
                _resting.Add(slab);
            }

            LetRest(Math.Max(LeastRestingSlabs, _peakTaken));
        }
    }

    // Room in the sets for SuperSlabs below a limit; false if memory is out.
    private bool TryReserve(int limit) => _taken.TryReserve(limit) && _occupied.TryReserve(limit);

    // Leaves so many resting, the newest.
    private void LetRest(int most)
    {
        while (_resting.Count > most)
        {
            int slab = _resting.Oldest;
            _resting.Remove(slab);
            _occupied.Remove(slab, 1);
        }
    }

    private void MarkTaken(int first, int count)
    {
        for (int slab = first; slab < first + count; slab++)
        {
            if (_occupied.Contains(slab))
            {
                _resting.Remove(slab);
            }
            else
            {
                _occupied.Add(slab, 1);
            }
        }

        _taken.Add(first, count);
        _peakTaken = Math.Max(_peakTaken, _taken.Count);
    }

    private int FindRunAround(SuperSlabBitmap own, SuperSlabBitmap obstacles, int count, int alignmentSlabs, int phase)
    {
        int start = 0;
        for (int slab = 0; slab < SlabCount; slab++)
        {
            bool isObstacle = obstacles.Contains(slab) && !own.Contains(slab);
            if (isObstacle || (slab == start && ((slab + phase) & (alignmentSlabs - 1)) != 0))
            {
                start = slab + 1;
            }
            else if (slab + 1 - start == count)
            {
                return start;
            }
        }

        return -1;
    }
}
