using System;
using System.Threading;

namespace Hakmem.Reclaim;

// Setting the framework's timer. The threads that do so are mostly the program's, inside an allocation or a free, and
// the framework's timer takes locks of the framework's, which on contention throw ThreadInterruptedException and ask
// the thread's SynchronizationContext to wait. An exception inside runs the program's FirstChanceException handlers,
// which may allocate and come back here. So:
//
//   - The framework is called under no lock of this library, by one thread at a time (_isArming). Who comes meanwhile, another thread or a handler
//     on the same one, only lowers _wanted; the thread that arms looks at it again before it is done.
//   - Meanwhile the thread has no SynchronizationContext. An interrupt has the call repeated and is made pending again afterwards.
//   - Whatever the framework throws is counted in the heaps that wait for the timer. They count as not touched, so that the next touch of any
//     tries again, though not before a pause: where every try fails, each would cost an allocation an exception.
//
//   _wanted     when the earliest listed heap is due
//   _armedFor   when the framework's timer fires; written before it is set, so that a tick that comes during the call, whose look resets
//               it, is seen by the thread that made the call
internal sealed partial class DecayTimer
{
    // Between a refused try and the next.
    private const long PauseMs = 1_000;

    // An interrupt ends one try, and there is seldom more than one; a thread that is interrupted without end does not
    // stay here.
    private const int MaxTries = 8;

    // The arming thread's, handed over by the lock.
    private ITimer? _timer;

    // All below is guarded by _lock.
    private bool _isArming;

    // Whether it is never to be armed again.
    private bool _isStopped;
    private long _wanted = long.MaxValue;
    private long _armedFor = long.MaxValue;
    private long _pauseEnd = long.MinValue;

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

    // Lets go of the system's timer, which holds this one while it is armed, for good. A look in progress goes on to
    // its end; a thread that is arming it lets go in this one's place.
    public void Stop()
    {
        ITimer? timer;
        using (_lock.Enter())
        {
            _isStopped = true;
            _armedFor = long.MaxValue;
            timer = _isArming ? null : _timer;
        }

        timer?.Dispose();
    }

    private bool IsPausing(long now) => now < _pauseEnd;

    // Under no lock. Never throws.
    private void Arm()
    {
        bool isSet = true;
        while (isSet && TryBeginArming(out long due))
        {
            Exception? refusal = TrySet(due);
            if (EndArming(refusal))
            {
                _timer?.Dispose();
                return;
            }

            isSet = refusal is null;
        }
    }

    // False if there is nothing to do, or another does it: while looking, the end of that arms.
    private bool TryBeginArming(out long due)
    {
        long now = NowMs;
        using (_lock.Enter())
        {
            due = _wanted;
            if (_isStopped || _isLooking || _isArming || _wanted >= _armedFor)
            {
                return false;
            }

            if (IsPausing(now))
            {
                // Whoever listed them, nothing will look at them: the next touch after the pause has to.
                ClearUsedMarks();
                return false;
            }

            _isArming = true;
            _armedFor = due;
            return true;
        }
    }

    // Whether the timer was stopped meanwhile.
    private bool EndArming(Exception? refusal)
    {
        long now = NowMs;
        using (_lock.Enter())
        {
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

            // If an earlier setting still holds, one tick too many comes of it.
            _armedFor = long.MaxValue;
            _pauseEnd = now + PauseMs;
            for (DecayTarget? heap = _listed; heap is not null; heap = heap.NextListed)
            {
                heap.RecordFailure(refusal);
            }

            ClearUsedMarks();

            return _isStopped;
        }
    }

    // The next touch of any listed heap wakes the timer. Under the lock.
    private void ClearUsedMarks()
    {
        for (DecayTarget? heap = _listed; heap is not null; heap = heap.NextListed)
        {
            heap.ClearUsed();
        }
    }

    // Gives what kept the timer from being set, or null.
    private Exception? TrySet(long due)
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        if (context is not null)
        {
            SynchronizationContext.SetSynchronizationContext(null);
        }

        bool wasInterrupted = false;
        Exception? refusal = TrySetOnce(due);
        for (int tries = 1; refusal is ThreadInterruptedException && tries < MaxTries; tries++)
        {
            wasInterrupted = true;
            refusal = TrySetOnce(due);
        }

        if (context is not null)
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        if (wasInterrupted || refusal is ThreadInterruptedException)
        {
            // For the caller's own next wait.
            Thread.CurrentThread.Interrupt();
        }

        return refusal;
    }

    private Exception? TrySetOnce(long due)
    {
        try
        {
            _timer ??= Create();
            _timer.Change(TimeSpan.FromMilliseconds(Math.Clamp(due - NowMs, 0, MaxWaitMs)), Timeout.InfiniteTimeSpan);
            return null;
        }
        catch (Exception refusal)
        {
            return refusal;
        }
    }

    private ITimer Create()
    {
        // The caller's context is none of the timer's business, and is not to be kept alive by it.
        using AsyncFlowControl? _ = ExecutionContext.IsFlowSuppressed() ? null : ExecutionContext.SuppressFlow();
        ITimer timer = (_time ?? TimeProvider.System).CreateTimer(
            static state => ((DecayTimer)state!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        // Last, so that a refused timer, which is tried again, leaves no hook each time.
        if (_heedsCollections)
        {
            Gen2GcCallback.Attach(this);
            UnloadCallback.Attach(this);
        }

        return timer;
    }
}
