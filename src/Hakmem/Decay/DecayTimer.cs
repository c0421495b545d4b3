using System;
using System.Threading;
using Hakmem.Collections;
using Hakmem.Os;

namespace Hakmem.Decay;

// The one timer of the process behind all decay. It is armed for the earliest time that any heap is due, and not at all when none is: then
// nothing of this library runs until a heap is used again, or the garbage collector collects its oldest generation (see Gen2Hook).
//
// Nor does it start for little: the first timer of a process takes the thread that asks for it 5 ms (measured in a fresh process: types to load, a
// thread to start), more than all else that a first allocation does. So it waits until a heap has more than StartBytes committed, and from then
// on serves every heap.
//
// A heap that is due is held by the timer; others only weakly, so that nothing here keeps a heap alive that has come to rest. Looks come
// one after another, on a pool thread, and hold no lock of the timer.
internal sealed class DecayTimer
{
    // The longest that a timer can wait at a time, in whole days.
    private const long MaxWaitMs = 24L * 3600 * 1000;

    private readonly TimeProvider? _time;
    private readonly Func<bool>? _isMemoryShort;
    private readonly bool _heedsCollections;
    private readonly UninterruptibleLock _lock = new();

    // Between two looks there is at least this part of an interval, however long the first took.
    private const int RestsPerInterval = 4;

    // Written under _lock once, read by whoever touches a heap without. Who reads false too late has touched a heap that Create lists, and the
    // look that comes of that takes the heap's own locks, which whoever touched it has released.
    private volatile bool _isStarted;

    // So many may be known before it is worth looking which are gone.
    private const int MinKnown = 16;

    // All below is guarded by _lock.
    private readonly Items<Decaying> _listed = new();
    private readonly Items<WeakReference<Decaying>> _known = new();
    private int _knownAfterPruning = MinKnown;
    private ITimer? _timer;
    private long _armedFor = long.MaxValue;
    private bool _isLooking;

    // Whether it is never to be armed again.
    private bool _isStopped;

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

    public bool IsArmed
    {
        get
        {
            using (_lock.Enter())
            {
                return _armedFor != long.MaxValue;
            }
        }
    }

    public long Ticks => Interlocked.Read(ref _ticks);

    private long NowMs => _time is null ? Environment.TickCount64 : (long)_time.GetElapsedTime(0).TotalMilliseconds;

    // Makes a heap known, so that it is looked at once the timer has started.
    public void Join(Decaying heap)
    {
        using (_lock.Enter())
        {
            Know(heap);
        }
    }

    // Looks at something in so many milliseconds, unless it is due earlier anyway.
    public void Wake(Decaying heap, long delayMs)
    {
        using (_lock.Enter())
        {
            long due = NowMs + Math.Min(delayMs, MaxWaitMs);
            if (!heap.IsGone)
            {
                List(heap, due);
                Arm(heap.Due);
            }
        }
    }

    // Looks at everything that has ever been used, now: the garbage collector has had a reason to collect everything.
    public void WakeAll()
    {
        using (_lock.Enter())
        {
            Prune();
            long now = NowMs;
            for (int i = 0; i < _known.Count; i++)
            {
                if (_known[i].TryGetTarget(out Decaying? heap))
                {
                    List(heap, now);
                }
            }

            if (_listed.Count > 0)
            {
                Arm(now);
            }
        }
    }

    public void Remove(Decaying heap)
    {
        using (_lock.Enter())
        {
            heap.IsGone = true;
            heap.IsListed = false;
            heap.IsDueSoon = false;
            _listed.Remove(heap);
        }
    }

    // Lets go of the system's timer, which holds this one while it is armed, for good. A look in progress goes on to its end.
    public void Stop()
    {
        ITimer? timer;
        using (_lock.Enter())
        {
            _isStopped = true;
            _armedFor = long.MaxValue;
            timer = _timer;
        }

        timer?.Dispose();
    }

    private void List(Decaying heap, long due)
    {
        heap.IsDueSoon = true;
        if (heap.IsListed)
        {
            heap.Due = Math.Min(heap.Due, due);
            return;
        }

        heap.IsListed = true;
        heap.Due = due;
        _listed.Add(heap);
        Know(heap);
    }

    private void Know(Decaying heap)
    {
        if (heap.IsKnown)
        {
            return;
        }

        heap.IsKnown = true;
        if (_known.Count >= 2 * _knownAfterPruning)
        {
            Prune();
        }

        _known.Add(new WeakReference<Decaying>(heap));
    }

    // Forgets heaps that are gone.
    private void Prune()
    {
        for (int i = _known.Count - 1; i >= 0; i--)
        {
            if (!_known[i].TryGetTarget(out Decaying? heap) || heap.IsGone)
            {
                _known.RemoveAt(i);
            }
        }

        _knownAfterPruning = Math.Max(_known.Count, MinKnown);
    }

    private void Arm(long due)
    {
        // While looking, the end of it arms.
        if (_isStopped || _isLooking || due >= _armedFor)
        {
            return;
        }

        try
        {
            if (_timer is null)
            {
                _timer = Create();
                _isStarted = true;
                due = Math.Min(due, ListKnown());
            }

            // Set first: what is refused is not armed.
            _timer.Change(TimeSpan.FromMilliseconds(Math.Clamp(due - NowMs, 0, MaxWaitMs)), Timeout.InfiniteTimeSpan);
            _armedFor = due;
        }
        catch (Exception refused) when (refused is OutOfMemoryException or ThreadStartException)
        {
            // The system has no thread for it, or no memory. Whoever touched a heap has got or freed its block, and is not to hear of this;
            // the next touch of any of them tries again.
            for (int i = 0; i < _listed.Count; i++)
            {
                _listed[i].ForgetTouch();
            }
        }
    }

    // Lists the heaps that were touched before there was a timer, each for the time it would have been due had it been touched now; gives the earliest.
    private long ListKnown()
    {
        long earliest = long.MaxValue;
        for (int i = 0; i < _known.Count; i++)
        {
            if (_known[i].TryGetTarget(out Decaying? heap) && !heap.IsGone)
            {
                List(heap, NowMs + Math.Min(heap.IntervalMs, MaxWaitMs));
                earliest = Math.Min(earliest, heap.Due);
            }
        }

        return earliest;
    }

    private ITimer Create()
    {
        // The caller's context is none of the timer's business, and is not to be kept alive by it.
        using AsyncFlowControl? _ = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        ITimer timer = (_time ?? TimeProvider.System).CreateTimer(
            static state => ((DecayTimer)state!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        // Last, so that a refused timer, which is tried again, leaves no hook each time.
        if (_heedsCollections)
        {
            Gen2Hook.Attach(this);
            UnloadHook.Attach(this);
        }

        return timer;
    }

    private void Look()
    {
        Items<Decaying> due = new();
        long begin;
        using (_lock.Enter())
        {
            if (_isLooking)
            {
                return;
            }

            _isLooking = true;
            begin = NowMs;
            for (int i = 0; i < _listed.Count; i++)
            {
                if (_listed[i].Due <= begin)
                {
                    due.Add(_listed[i]);
                }
            }
        }

        Interlocked.Increment(ref _ticks);
        bool isMemoryShort = due.Count > 0 && (_isMemoryShort is null ? MemoryPressure.IsHigh() : _isMemoryShort());
        for (int i = 0; i < due.Count; i++)
        {
            Note(due[i], due[i].Decay(isMemoryShort), begin);
            begin = NowMs;
        }

        long earliest = long.MaxValue;
        using (_lock.Enter())
        {
            _isLooking = false;
            _armedFor = long.MaxValue;
            for (int i = 0; i < _listed.Count; i++)
            {
                earliest = Math.Min(earliest, _listed[i].Due);
            }

            if (earliest != long.MaxValue)
            {
                Arm(earliest);
            }
        }
    }

    // What a look takes does not put off the next, up to a rest: else memory would come back later the more there is of it.
    private void Note(Decaying heap, long delayMs, long begin)
    {
        using (_lock.Enter())
        {
            if (heap.IsListed && delayMs >= 0)
            {
                heap.Due = Math.Max(begin + Math.Min(delayMs, MaxWaitMs), NowMs + (heap.IntervalMs / RestsPerInterval));
                heap.IsDueSoon = heap.Due <= NowMs + heap.IntervalMs;
            }
            else
            {
                heap.IsListed = false;
                heap.IsDueSoon = false;
                _listed.Remove(heap);
            }

            if (heap.IsDueSoon)
            {
                return;
            }
        }

        // Touched since it was looked at, by a thread that may have seen that it was due soon still.
        Interlocked.MemoryBarrier();
        if (heap.IsTouched)
        {
            Wake(heap, heap.IntervalMs);
        }
    }
}
