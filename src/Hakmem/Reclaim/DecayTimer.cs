using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Reclaim;

// The one timer of the process for all decay. It is armed for the earliest time that any heap is due, and not armed if
// none is: then nothing of this library runs until a heap is used again, or the garbage collector collects its oldest
// generation (see Gen2GcCallback).
//
// It starts late: the first timer of a process costs the thread that asks for it 5 ms (measured in a fresh process:
// types to load, a thread to start), more than all else of a first allocation. So it starts when a heap has more than
// StartBytes committed, and from then on serves every heap.
//
// The timer refers to scheduled heaps strongly and to others weakly, so it keeps no unused heap alive. Decay runs for
// one heap after another, on a pool thread, under no lock of the timer.
//
// No exception reaches a program's thread that notifies a heap, nor the pool's thread, where it would end the process.
// A run that throws is counted (see DecayTarget.FailedRuns); the other heaps run, and the failed one runs again after
// an interval, or after ever longer ones while all of its runs fail.
//
// Arming. The framework is called under no lock of this library, by one thread at a time (_isArming). A thread that
// comes meanwhile, or a FirstChanceException handler on the arming thread, only lowers _wantedMs; the arming thread
// reads it again before it is done. An exception of the framework's is counted in the scheduled heaps. They then count
// as not used, so that the next notification of any tries again, though not before a pause: if every try fails, each
// throws an exception inside an allocation.
//
//   _wantedMs    when the earliest scheduled heap is due
//   _armedForMs  when the framework's timer fires; written before it is set, so that the arming thread sees whether a
//                tick came during the call and has reset it
internal sealed class DecayTimer
{
    // At least an interval divided by this passes between two runs of a heap, however long the first takes.
    private const int RestsPerInterval = 4;

    // A heap whose runs fail waits an interval, then two, then four, up to this power of two of them.
    private const int MaxBackOffShift = 8;

    // The list of registered heaps is not pruned while it is shorter than twice this.
    private const int MinPrunedCount = 16;

    // Between a refused try to arm and the next.
    private const long PauseMs = 1_000;

    private readonly TimeProvider? _time;
    private readonly Func<bool>? _isMemoryShort;
    private readonly UninterruptibleLock _lock = new();
    private readonly SystemTimer _systemTimer;

    // Written under _lock once, read by NotifyUsed without it. A stale false is harmless: the heap is registered
    // already, so starting the timer schedules it, and that run takes the heap's own locks, which the notifying thread
    // has released.
    private volatile bool _isStarted;

    // All fields below are guarded by _lock, under which nothing is allocated: so the lists are intrusive.
    private DecayTarget? _scheduled;
    private WeakLink? _registered;
    private int _registeredCount;
    private int _countAfterPruning = MinPrunedCount;
    private bool _isRunning;
    private bool _isArming;
    private bool _isStopped;
    private long _wantedMs = long.MaxValue;
    private long _armedForMs = long.MaxValue;
    private long _pauseEndMs = long.MinValue;

    // How often the timer has fired.
    private long _ticks;

    // Null for the system's time and for MemoryPressure; tests pass their own. A test that asks whether the timer is
    // armed does not observe collections, which other tests cause at any moment.
    public DecayTimer(
        TimeProvider? time, Func<bool>? isMemoryShort, bool observesCollections = true, long startBytes = 0)
    {
        StartBytes = startBytes;
        _time = time;
        _isMemoryShort = isMemoryShort;
        _systemTimer = new SystemTimer(this, observesCollections);
    }

    public static DecayTimer Process { get; } = new(null, null, startBytes: 8L << 20);

    // Null for the system's.
    public TimeProvider? Time => _time;

    // How many bytes a heap must have committed for the timer to start.
    public long StartBytes { get; }

    public bool IsStarted => _isStarted;

    public bool IsArmed
    {
        get
        {
            using (_lock.Enter())
            {
                return _armedForMs != long.MaxValue;
            }
        }
    }

    public long Ticks => Interlocked.Read(ref _ticks);

    public long NowMs => _time is null ? Environment.TickCount64 : (long)_time.GetElapsedTime(0).TotalMilliseconds;

    [Conditional("DEBUG")]
    public void AssertLockHeld() => _lock.AssertHeld();

    // Registers a heap, so that it is scheduled once the timer has started.
    public void Register(WeakLink link)
    {
        using (_lock.Enter())
        {
            if (_registeredCount >= 2 * _countAfterPruning)
            {
                RemoveDead();
            }

            link.Next = _registered;
            _registered = link;
            _registeredCount++;
        }
    }

    // The heaps that are registered at this moment, without those that were disposed or collected.
    public DecayTarget[] ReadRegistered()
    {
        while (true)
        {
            // Allocated under no lock. Some more than there are: heaps may be created meanwhile.
            DecayTarget?[] heaps = new DecayTarget?[Volatile.Read(ref _registeredCount) + MinPrunedCount];
            int count = 0;
            using (_lock.Enter())
            {
                for (WeakLink? link = _registered; link is not null && count <= heaps.Length; link = link.Next)
                {
                    if (link.Heap is { } heap)
                    {
                        if (count < heaps.Length)
                        {
                            heaps[count] = heap;
                        }

                        count++;
                    }
                }
            }

            if (count <= heaps.Length)
            {
                Array.Resize(ref heaps, count);
                return heaps!;
            }
        }
    }

    // Has a heap run in so many milliseconds, unless it is due earlier.
    public void Schedule(DecayTarget heap, long delayMs)
    {
        long now = NowMs;
        using (_lock.Enter())
        {
            if (heap.Entry.IsGone)
            {
                return;
            }

            Enqueue(heap, now + Math.Min(delayMs, SystemTimer.MaxWaitMs));
            if (IsPausing(now))
            {
                heap.ClearUsed();
            }
        }

        Arm();
    }

    // Has every registered heap run now, because the garbage collector had a reason to collect everything.
    public void ScheduleAll()
    {
        long now = NowMs;
        using (_lock.Enter())
        {
            RemoveDead();
            for (WeakLink? link = _registered; link is not null; link = link.Next)
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
            heap.Entry.IsGone = true;
            Dequeue(heap);
        }
    }

    // Disposes the system's timer, which refers to this one while it is armed, for good. A run in progress goes on to
    // its end; if a thread is arming the timer, that thread disposes it.
    public void Stop()
    {
        bool isArming;
        using (_lock.Enter())
        {
            _isStopped = true;
            _armedForMs = long.MaxValue;
            isArming = _isArming;
        }

        if (!isArming)
        {
            _systemTimer.Dispose();
        }
    }

    // Runs Decay of the heaps that are due. Called by the system's timer.
    public void OnTimer()
    {
        long begin = NowMs;
        DecayTarget? next;
        using (_lock.Enter())
        {
            if (_isRunning)
            {
                return;
            }

            _isRunning = true;
            next = ChainDue(begin);
        }

        Interlocked.Increment(ref _ticks);
        bool isMemoryShort = next is not null && IsMemoryShort(next);
        while (next is { } heap)
        {
            next = heap.NextDue;
            heap.NextDue = null;
            DecayOne(heap, isMemoryShort, begin);
            begin = NowMs;
        }

        using (_lock.Enter())
        {
            Debug.Assert(_isRunning, "Two passes of the timer ran at a time.");
            _isRunning = false;
            _armedForMs = long.MaxValue;
            _wantedMs = long.MaxValue;
            for (DecayTarget? heap = _scheduled; heap is not null; heap = heap.Entry.Next)
            {
                _wantedMs = Math.Min(_wantedMs, heap.Entry.DueMs);
            }
        }

        Arm();
    }

    private void Enqueue(DecayTarget heap, long dueMs)
    {
        _lock.AssertHeld();
        heap.IsDueSoon = true;
        ref TimerEntry entry = ref heap.Entry;
        entry.DueMs = entry.IsListed ? Math.Min(entry.DueMs, dueMs) : dueMs;
        _wantedMs = Math.Min(_wantedMs, entry.DueMs);
        if (entry.IsListed)
        {
            return;
        }

        entry.IsListed = true;
        entry.Previous = null;
        entry.Next = _scheduled;
        if (_scheduled is not null)
        {
            _scheduled.Entry.Previous = heap;
        }

        _scheduled = heap;
    }

    private void Dequeue(DecayTarget heap)
    {
        _lock.AssertHeld();
        heap.IsDueSoon = false;
        ref TimerEntry entry = ref heap.Entry;
        if (!entry.IsListed)
        {
            return;
        }

        Debug.Assert(entry.Previous is not null || _scheduled == heap, "Only the list's head has no previous heap.");
        entry.IsListed = false;
        if (entry.Previous is { } previous)
        {
            previous.Entry.Next = entry.Next;
        }
        else
        {
            _scheduled = entry.Next;
        }

        if (entry.Next is { } next)
        {
            next.Entry.Previous = entry.Previous;
        }

        entry.Next = null;
        entry.Previous = null;
    }

    // Prunes the list of registered heaps of those that are gone.
    private void RemoveDead()
    {
        _lock.AssertHeld();
        WeakLink? kept = null;
        _registeredCount = 0;
        WeakLink? link = _registered;
        while (link is not null)
        {
            WeakLink? next = link.Next;
            if (link.Heap is not null)
            {
                link.Next = kept;
                kept = link;
                _registeredCount++;
            }

            link = next;
        }

        _registered = kept;
        _countAfterPruning = Math.Max(_registeredCount, MinPrunedCount);
    }

    // Schedules the heaps that were used before the timer started, each as if it had been used now.
    private void EnqueueRegistered(long now)
    {
        _lock.AssertHeld();
        for (WeakLink? link = _registered; link is not null; link = link.Next)
        {
            if (link.Heap is { } heap)
            {
                Enqueue(heap, now + Math.Min(heap.IntervalMs, SystemTimer.MaxWaitMs));
            }
        }
    }

    // Links the heaps that are due through NextDue, and returns the first.
    private DecayTarget? ChainDue(long now)
    {
        _lock.AssertHeld();
        DecayTarget? first = null;
        for (DecayTarget? heap = _scheduled; heap is not null; heap = heap.Entry.Next)
        {
            if (heap.Entry.DueMs <= now)
            {
                heap.NextDue = first;
                first = heap;
            }
        }

        return first;
    }

    // If the question fails, the answer is no: memory is returned by age all the same.
    private bool IsMemoryShort(DecayTarget due)
    {
        try
        {
            return _isMemoryShort is null ? MemoryPressure.IsHigh() : _isMemoryShort();
        }
        catch (Exception failure)
        {
            for (DecayTarget? heap = due; heap is not null; heap = heap.NextDue)
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

    // A run's duration postpones the next by no more than the rest: else much memory would take longer to return.
    private void Reschedule(DecayTarget heap, long delayMs, long begin)
    {
        long now = NowMs;
        bool isDueSoon = false;
        using (_lock.Enter())
        {
            ref TimerEntry entry = ref heap.Entry;
            entry.FailuresInARow = 0;
            if (entry.IsListed && delayMs >= 0)
            {
                long wanted = begin + Math.Min(delayMs, SystemTimer.MaxWaitMs);
                entry.DueMs = Math.Max(wanted, now + (heap.IntervalMs / RestsPerInterval));
                isDueSoon = entry.DueMs <= now + heap.IntervalMs;
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

        // The heap may have been used since its run, by a thread that read IsDueSoon before it was cleared.
        Interlocked.MemoryBarrier();
        if (heap.IsUsed)
        {
            Schedule(heap, heap.IntervalMs);
        }
    }

    // After a run that failed. The heap stays scheduled, so that no notification is lost; one that comes meanwhile has
    // it run an interval later.
    private void Postpone(DecayTarget heap)
    {
        long now = NowMs;
        using (_lock.Enter())
        {
            ref TimerEntry entry = ref heap.Entry;
            if (entry.IsListed)
            {
                int shift = Math.Min(entry.FailuresInARow, MaxBackOffShift);
                entry.FailuresInARow++;
                entry.DueMs = now + Math.Min(heap.IntervalMs << shift, SystemTimer.MaxWaitMs);
                heap.IsDueSoon = shift == 0;
            }
        }
    }

    private bool IsPausing(long now)
    {
        _lock.AssertHeld();
        return now < _pauseEndMs;
    }

    // Called under no lock. Never throws.
    private void Arm()
    {
        bool isSet = true;
        while (isSet && TryBeginArming(out long due))
        {
            Exception? refusal = _systemTimer.TrySet(due);
            if (EndArming(refusal))
            {
                _systemTimer.Dispose();
                return;
            }

            isSet = refusal is null;
        }
    }

    // False if there is nothing to do, or another thread does it: a pass of the timer arms it at its end.
    private bool TryBeginArming(out long due)
    {
        long now = NowMs;
        using (_lock.Enter())
        {
            due = _wantedMs;
            if (_isStopped || _isRunning || _isArming || _wantedMs >= _armedForMs)
            {
                return false;
            }

            if (IsPausing(now))
            {
                // No run will come of these notifications, so the next one after the pause has to arm the timer.
                ClearUsedMarks();
                return false;
            }

            _isArming = true;
            _armedForMs = due;
            return true;
        }
    }

    // Whether the timer was stopped meanwhile.
    private bool EndArming(Exception? refusal)
    {
        long now = NowMs;
        using (_lock.Enter())
        {
            Debug.Assert(_isArming, "Two threads armed the timer at a time.");
            _isArming = false;
            if (refusal is null)
            {
                if (!_isStarted)
                {
                    _isStarted = true;
                    EnqueueRegistered(now);
                }

                return _isStopped;
            }

            // If an earlier setting is still in effect, the timer fires once too often.
            _armedForMs = long.MaxValue;
            _pauseEndMs = now + PauseMs;
            for (DecayTarget? heap = _scheduled; heap is not null; heap = heap.Entry.Next)
            {
                heap.RecordFailure(refusal);
            }

            ClearUsedMarks();
            return _isStopped;
        }
    }

    // The next notification of any scheduled heap calls the timer.
    private void ClearUsedMarks()
    {
        _lock.AssertHeld();
        for (DecayTarget? heap = _scheduled; heap is not null; heap = heap.Entry.Next)
        {
            heap.ClearUsed();
        }
    }
}
