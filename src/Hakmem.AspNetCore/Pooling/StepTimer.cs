using System;
using System.Threading;

namespace Hakmem.AspNetCore.Pooling;

// A store's timer, to be changed on threads that rent and return: the framework's timers take locks of its own, whose
// waits throw when the thread is interrupted and leave the waiting to its SynchronizationContext. Here neither happens.
// An interrupt stays pending.
//
// Not thread-safe: the store sees to it that one thread changes it at a time, under none of its locks.
internal sealed class StepTimer
{
    private readonly ITimer _timer;
    private readonly TimeSpan _step;

    public StepTimer(TimeProvider timeProvider, TimerCallback callback, object state, TimeSpan step)
    {
        _step = step;
        _timer = timeProvider.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private enum Request
    {
        Start,
        Stop,
        Dispose,
    }

    // False where the timer could not be had: it does not run then, and the caller may try again later. Also false
    // after Dispose.
    public bool TryStart() => TryDo(Request.Start);

    public bool TryStop() => TryDo(Request.Stop);

    public void Dispose() => TryDo(Request.Dispose);

    private bool TryDo(Request request)
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            return TryDoInterruptibly(request);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    // Again after an interrupt, which came before the change: it is thrown where a lock is waited for.
    private bool TryDoInterruptibly(Request request)
    {
        bool isInterrupted = false;
        try
        {
            while (true)
            {
                try
                {
                    return DoOnce(request);
                }
                catch (ThreadInterruptedException)
                {
                    isInterrupted = true;
                }
            }
        }
        finally
        {
            if (isInterrupted)
            {
                Thread.CurrentThread.Interrupt();
            }
        }
    }

    // A timer that cannot be started (the first of a process starts a thread) must not fail the rental that asked for
    // it, which has its block, whatever a TimeProvider throws. The store tries again with the next one that it serves.
    private bool DoOnce(Request request)
    {
        try
        {
            switch (request)
            {
                case Request.Start:
                    return _timer.Change(_step, _step);
                case Request.Stop:
                    return _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                default:
                    _timer.Dispose();
                    return true;
            }
        }
        catch (Exception failure) when (failure is not ThreadInterruptedException)
        {
            return false;
        }
    }
}
