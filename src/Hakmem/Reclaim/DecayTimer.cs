using System;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Reclaim;

// The one timer of the process behind all decay. It is armed for the earliest time that any heap is due, and not at all when none is: then
// nothing of this library runs until a heap is used again, or the garbage collector collects its oldest generation (see Gen2GcCallback).
//
// Nor does it start for little: the first timer of a process takes the thread that asks for it 5 ms (measured in a fresh process: types to load, a
// thread to start), more than all else that a first allocation does. So it waits until a heap has more than StartBytes committed, and from then
// on serves every heap.
//
// A heap that is due is held by the timer; others only weakly, so that nothing here keeps a heap alive that has come to rest. Looks come
// one after another, on a pool thread, and hold no lock of the timer.
//
// Nothing that it does reaches the caller as an exception, be it the program's thread that touched a heap or the pool's
// thread that looks: there an unhandled one would end the process. A look that throws is counted (see
// DecayTarget.FailedLooks), the other heaps are looked at, and its heap is looked at again after an interval, or ever
// longer ones while all of its looks fail.
internal sealed partial class DecayTimer
{
    // The longest that a timer can wait at a time, in whole days.
    private const long MaxWaitMs = 24L * 3600 * 1000;

    // Between two looks there is at least this part of an interval, however long the first took.
    private const int RestsPerInterval = 4;

    // A heap whose looks fail waits an interval, then two, then four, up to this power of two of them.
    private const int MaxBackOffShift = 8;

    // So many may be known before it is worth looking which are gone.
    private const int MinKnown = 16;

    private readonly TimeProvider? _time;
    private readonly Func<bool>? _isMemoryShort;
    private readonly bool _heedsCollections;
    private readonly UninterruptibleLock _lock = new();

    // Written under _lock once, read by whoever touches a heap without. Who reads false too late has touched a heap
    // that EnqueueRegistered lists, and the look that comes of that takes the heap's own locks, which whoever touched it has
    // released.
    private volatile bool _isStarted;

    // All below is guarded by _lock. The lists are linked through what is in them, since nothing is allocated under the
    // lock.
    private DecayTarget? _listed;
    private WeakLink? _known;
    private int _knownCount;
    private int _knownAfterPruning = MinKnown;
    private bool _isLooking;

    // How often the timer has fired.
    private long _ticks;

    // Null for the system's time and for MemoryPressure's answer; other times and answers are of tests. A test that asks whether the timer stands
    // still has it not heed collections, which other tests make at any moment.
    public DecayTimer(TimeProvider? time, Func<bool>? isMemoryShort, bool heedsCollections = true, long startBytes = 0)
    {
        StartBytes = startBytes;
        _time = time;
        _isMemoryShort = isMemoryShort;
        _heedsCollections = heedsCollections;
    }

    public static DecayTimer Process { get; } = new(null, null, startBytes: 8L << 20);

    // Null for the system's.
    public TimeProvider? Time => _time;

    // How many bytes a heap must have committed for the timer to start.
    public long StartBytes { get; }

    public bool IsStarted => _isStarted;

    public long Ticks => Interlocked.Read(ref _ticks);

    private long NowMs => _time is null ? Environment.TickCount64 : (long)_time.GetElapsedTime(0).TotalMilliseconds;

    // Makes a heap known, so that it is looked at once the timer has started.
    public void Register(WeakLink link)
    {
        using (_lock.Enter())
        {
            if (_knownCount >= 2 * _knownAfterPruning)
            {
                RemoveDead();
            }

            link.Next = _known;
            _known = link;
            _knownCount++;
        }
    }

    // Looks at something in so many milliseconds, unless it is due earlier anyway.
    public void Schedule(DecayTarget heap, long delayMs)
    {
        long now = NowMs;
        using (_lock.Enter())
        {
            if (heap.IsGone)
            {
                return;
            }

            Enqueue(heap, now + Math.Min(delayMs, MaxWaitMs));
            if (IsPausing(now))
            {
                heap.ClearUsed();
            }
        }

        Arm();
    }

    // Looks at everything that has ever been used, now: the garbage collector has had a reason to collect everything.
    public void ScheduleAll()
    {
        long now = NowMs;
        using (_lock.Enter())
        {
            RemoveDead();
            for (WeakLink? link = _known; link is not null; link = link.Next)
            {
                if (link.Heap is { } heap)
                {
                    Enqueue(heap, now);
                }
            }
        }

        Arm();
    }

    public void Unregister(DecayTarget heap)
    {
        using (_lock.Enter())
        {
            heap.IsGone = true;
            Dequeue(heap);
        }
    }

    private void Enqueue(DecayTarget heap, long due)
    {
        heap.IsDueSoon = true;
        heap.Due = heap.IsListed ? Math.Min(heap.Due, due) : due;
        _wanted = Math.Min(_wanted, heap.Due);
        if (heap.IsListed)
        {
            return;
        }

        heap.IsListed = true;
        heap.PreviousListed = null;
        heap.NextListed = _listed;
        if (_listed is not null)
        {
            _listed.PreviousListed = heap;
        }

        _listed = heap;
    }

    private void Dequeue(DecayTarget heap)
    {
        heap.IsDueSoon = false;
        if (!heap.IsListed)
        {
            return;
        }

        heap.IsListed = false;
        if (heap.PreviousListed is { } previous)
        {
            previous.NextListed = heap.NextListed;
        }
        else
        {
            _listed = heap.NextListed;
        }

        if (heap.NextListed is { } next)
        {
            next.PreviousListed = heap.PreviousListed;
        }

        heap.NextListed = null;
        heap.PreviousListed = null;
    }

    // Forgets heaps that are gone.
    private void RemoveDead()
    {
        WeakLink? kept = null;
        _knownCount = 0;
        WeakLink? link = _known;
        while (link is not null)
        {
            WeakLink? next = link.Next;
            if (link.Heap is not null)
            {
                link.Next = kept;
                kept = link;
                _knownCount++;
            }

            link = next;
        }

        _known = kept;
        _knownAfterPruning = Math.Max(_knownCount, MinKnown);
    }

    // Lists the heaps that were touched before there was a timer, each for the time it would have been due had it been
    // touched now.
    private void EnqueueRegistered(long now)
    {
        for (WeakLink? link = _known; link is not null; link = link.Next)
        {
            if (link.Heap is { } heap)
            {
                Enqueue(heap, now + Math.Min(heap.IntervalMs, MaxWaitMs));
            }
        }
    }

    private void OnTimer()
    {
        long begin = NowMs;
        DecayTarget? next;
        using (_lock.Enter())
        {
            if (_isLooking)
            {
                return;
            }

            _isLooking = true;
            next = ChainDue(begin);
        }

        Interlocked.Increment(ref _ticks);
        bool isMemoryShort = next is not null && IsMemoryShort(next);
        while (next is { } heap)
        {
            next = heap.NextInTurn;
            heap.NextInTurn = null;
            DecayOne(heap, isMemoryShort, begin);
            begin = NowMs;
        }

        using (_lock.Enter())
        {
            _isLooking = false;
            _armedFor = long.MaxValue;
            _wanted = long.MaxValue;
            for (DecayTarget? listed = _listed; listed is not null; listed = listed.NextListed)
            {
                _wanted = Math.Min(_wanted, listed.Due);
            }
        }

        Arm();
    }

    private DecayTarget? ChainDue(long now)
    {
        DecayTarget? first = null;
        for (DecayTarget? heap = _listed; heap is not null; heap = heap.NextListed)
        {
            if (heap.Due <= now)
            {
                heap.NextInTurn = first;
                first = heap;
            }
        }

        return first;
    }

    // No answer is no shortage: by age, memory comes back all the same.
    private bool IsMemoryShort(DecayTarget due)
    {
        try
        {
            return _isMemoryShort is null ? MemoryPressure.IsHigh() : _isMemoryShort();
        }
        catch (Exception failure)
        {
            for (DecayTarget? heap = due; heap is not null; heap = heap.NextInTurn)
            {
                heap.RecordFailure(failure);
            }

            return false;
        }
    }

    private void DecayOne(DecayTarget heap, bool isMemoryShort, long begin)
    {
        try
        {
            Reschedule(heap, heap.Decay(isMemoryShort), begin);
        }
        catch (Exception failure)
        {
            heap.RecordFailure(failure);
            Postpone(heap);
        }
    }

    // What a look takes does not put off the next, up to a rest: else memory would come back later the more there is of it.
    private void Reschedule(DecayTarget heap, long delayMs, long begin)
    {
        long now = NowMs;
        bool isDueSoon = false;
        using (_lock.Enter())
        {
            heap.FailuresInARow = 0;
            if (heap.IsListed && delayMs >= 0)
            {
                heap.Due = Math.Max(begin + Math.Min(delayMs, MaxWaitMs), now + (heap.IntervalMs / RestsPerInterval));
                isDueSoon = heap.Due <= now + heap.IntervalMs;
                heap.IsDueSoon = isDueSoon;
            }
            else
            {
                Dequeue(heap);
            }
        }

        if (isDueSoon)
        {
            return;
        }

        // Touched since it was looked at, by a thread that may have seen that it was due soon still.
        Interlocked.MemoryBarrier();
        if (heap.IsUsed)
        {
            Schedule(heap, heap.IntervalMs);
        }
    }

    // After a look that failed. It stays listed, so that no touch can be lost; one that comes meanwhile has it looked
    // at an interval later.
    private void Postpone(DecayTarget heap)
    {
        long now = NowMs;
        using (_lock.Enter())
        {
            if (heap.IsListed)
            {
                int shift = Math.Min(heap.FailuresInARow, MaxBackOffShift);
                heap.FailuresInARow++;
                heap.Due = now + Math.Min(heap.IntervalMs << shift, MaxWaitMs);
                heap.IsDueSoon = shift == 0;
            }
        }
    }
}
