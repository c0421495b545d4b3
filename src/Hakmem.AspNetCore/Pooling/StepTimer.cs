using System;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.AspNetCore.Pooling;

// A store's periodic timer, which threads that rent and return start and stop.
//
// The framework's timers take locks, whose waits throw when the thread is interrupted and go through the thread's
// SynchronizationContext. Neither happens here, and an interrupt stays pending. A change of the timer runs under no
// lock, by one thread at a time, which goes on until the timer does what is wanted; so the last change is the last
// wanted one.
//
// The members that are marked so are guarded by the store's lock.
internal sealed class StepTimer
{
    private readonly UninterruptibleLock _storeLock;
    private readonly ITimer _timer;
    private readonly TimeSpan _step;

    // All guarded by the store's lock. _isRunning is written only by the thread that has set _isChanging.
    private bool _isRunning;
    private bool _isChanging;
    private bool _isDisposed;

    public StepTimer(
        UninterruptibleLock storeLock, TimeProvider timeProvider, TimerCallback callback, object state, TimeSpan step)
    {
        _storeLock = storeLock;
        _step = step;
        _timer = timeProvider.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    // Whether the timer should run. Guarded by the store's lock.
    public bool IsWanted { get; set; }

    private bool IsChangeDue => IsWanted != _isRunning && !_isDisposed;

    // Under the store's lock. Whether the caller has to call Change after it has left the lock.
    public bool TryBeginChange()
    {
        _storeLock.AssertHeld();
        bool isBegun = IsChangeDue && !_isChanging;
        _isChanging |= isBegun;
        return isBegun;
    }

    // Under no lock, for the caller to whom TryBeginChange gave true. If the framework refuses a change, the next
    // caller tries again.
    public void Change()
    {
        bool goesOn = true;
        while (goesOn)
        {
            bool isStart = !_isRunning;
            bool isDone = TryCall(isStart ? _step : Timeout.InfiniteTimeSpan);
            using (_storeLock.Enter())
            {
                _isRunning = isDone ? isStart : _isRunning;
                goesOn = isDone && IsChangeDue;
                _isChanging = goesOn;
            }
        }
    }

    // Under the store's lock: no later change begins.
    public void Stop()
    {
        _storeLock.AssertHeld();
        IsWanted = false;
        _isDisposed = true;
    }

    // Under no lock, after Stop.
    public void Dispose() => TryCall(period: null);

    // Sets the period, or disposes the timer if there is none. A timer that cannot be started (the first one of a
    // process starts a thread) must not fail the rental that starts it, whatever a TimeProvider throws.
    private bool TryCall(TimeSpan? period)
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        bool isInterrupted = false;
        bool? result = null;
        while (result is null)
        {
            try
            {
                result = CallOnce(period);
            }
            catch (ThreadInterruptedException)
            {
                // Thrown by the wait for the framework's lock, so before the change: try again.
                isInterrupted = true;
            }
            catch (Exception)
            {
                result = false;
            }
        }

        SynchronizationContext.SetSynchronizationContext(context);
        if (isInterrupted)
        {
            Thread.CurrentThread.Interrupt();
        }

        return result.Value;
    }

    private bool CallOnce(TimeSpan? period)
    {
        if (period is { } time)
        {
            return _timer.Change(time, time);
        }

        _timer.Dispose();
        return true;
    }
}
