using System;
using System.Threading;
using Hakmem.Os;

namespace Hakmem;

// Has a queue of those that wait for memory try again every PeriodMs, while there are any: memory may come back by a
// way that tells nobody. Thread-safe.
internal sealed class PollTimer
{
    // How long memory that comes back from elsewhere may wait to be seen.
    public const int PeriodMs = 25;

    private readonly Timer _timer;
    private readonly Func<bool> _isWanted;
    private readonly Action? _onFrameworkCall;

    // 1 while the timer runs, as far as is certain: a start must not put off the next tick, or a stream of arrivals
    // would put it off for ever. Set after the timer was started, and cleared before it is stopped. Whoever stops it
    // looks for those that wait afterwards, and starts it again whatever this says. Interlocked.
    private int _isStarted;

    // onFrameworkCall is for tests: called before each call of the framework that may throw.
    public PollTimer(Action onTick, Func<bool> isWanted, Action? onFrameworkCall)
    {
        _isWanted = isWanted;
        _onFrameworkCall = onFrameworkCall;
        _timer = Create(static onTick => ((Action)onTick!)(), onTick, Timeout.Infinite);
    }

    // A timer without the context of whoever happens to wait.
    public static Timer Create(TimerCallback callback, object state, int dueMs)
    {
        bool isFlowing = !ExecutionContext.IsFlowSuppressed();
        AsyncFlowControl flow = isFlowing ? ExecutionContext.SuppressFlow() : default;
        try
        {
            return new Timer(callback, state, dueMs, Timeout.Infinite);
        }
        finally
        {
            if (isFlowing)
            {
                flow.Undo();
            }
        }
    }

    // False if managed memory is out, or interrupts ended every try.
    public bool TryStart() => Interlocked.CompareExchange(ref _isStarted, 0, 0) != 0 || TryRun();

    public void StopIfIdle()
    {
        if (_isWanted())
        {
            return;
        }

        Interlocked.Exchange(ref _isStarted, 0);
        if (TryChange(Timeout.Infinite) && _isWanted())
        {
            // One has come between the two steps.
            TryRun();
        }
    }

    // For a timer that is not used after all.
    public void End() => _timer.Dispose();

    private bool TryRun()
    {
        bool isRunning = TryChange(PeriodMs);
        if (isRunning)
        {
            Interlocked.Exchange(ref _isStarted, 1);
        }

        return isRunning;
    }

    private bool TryChange(int periodMs)
    {
        (PollTimer Poll, int Ms) call = (this, periodMs);
        return FrameworkCall.IsDone(ref call, static (ref (PollTimer Poll, int Ms) call) =>
        {
            call.Poll._onFrameworkCall?.Invoke();
            call.Poll._timer.Change(call.Ms, call.Ms);
        });
    }
}
