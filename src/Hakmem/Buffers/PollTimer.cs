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
    private readonly Action _onTick;
    private readonly Func<bool> _isWanted;
    private readonly Action? _onFrameworkCall;

    // How many calls of TryUpdate are to be served: the first of them serves all. Interlocked.
    private int _updates;

    // Whether the timer runs. Of the thread that serves updates; _updates passes it on.
    private bool _isRunning;

    // onFrameworkCall is for tests: called before each call of the framework that may throw.
    public PollTimer(Action onTick, Func<bool> isWanted, Action? onFrameworkCall)
    {
        _onTick = onTick;
        _isWanted = isWanted;
        _onFrameworkCall = onFrameworkCall;
        _timer = Create(Tick, this, Timeout.Infinite);

        static void Tick(object? poll) => ((PollTimer)poll!).Tick();
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

    // For a timer that is not used after all.
    public void End() => _timer.Dispose();

    // For one that has begun to wait, or no longer waits: starts the timer if it is wanted and stops it if it is not. A
    // timer that runs is left alone, since arrivals must not put off its next tick. Of several threads one serves all,
    // and its last look comes after the last call, so the timer never stops while somebody waits. False if managed
    // memory is out, or interrupts ended every try; the next call tries again.
    public bool TryUpdate()
    {
        if (Interlocked.Increment(ref _updates) != 1)
        {
            return true;
        }

        bool isDone = true;
        bool isThrown = true;
        int served;
        try
        {
            do
            {
                served = Volatile.Read(ref _updates);
                isDone = TryServe() ?? isDone;
            }
            while (Interlocked.Add(ref _updates, -served) != 0);

            isThrown = false;
        }
        finally
        {
            if (isThrown)
            {
                // The next call serves.
                Interlocked.Exchange(ref _updates, 0);
            }
        }

        return isDone;
    }

    // Whether the timer was changed; null if it is as it should be.
    private unsafe bool? TryServe()
    {
        bool isWanted;
        try
        {
            isWanted = _isWanted();
        }
        catch (OutOfMemoryException)
        {
            return false;
        }

        if (isWanted == _isRunning)
        {
            return null;
        }

        CallState<PollTimer, int> call = new(this, isWanted ? PeriodMs : Timeout.Infinite);
        bool isDone = FrameworkCall.IsDone(ref call, &Change);
        _isRunning = isDone ? isWanted : _isRunning;
        return isDone;

        static void Change(ref CallState<PollTimer, int> call) => call.Target.Change(call.Value);
    }

    private void Change(int periodMs)
    {
        _onFrameworkCall?.Invoke();
        _timer.Change(periodMs, periodMs);
    }

    // On the timer's thread, where an exception ends the process.
    private void Tick()
    {
        try
        {
            _onTick();
        }
        catch (OutOfMemoryException)
        {
            // The next tick tries again.
        }
    }
}
