using System;
using System.Collections.Generic;
using System.Threading;

namespace Hakmem.Tests.Support;

// A clock that stands until a test moves it, with timers that fire on the thread that does.
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private long _nowMs = 1_000_000;

    // Whether timers cannot be set, as where the system has no thread for them.
    public bool IsRefusing { get; set; }

    // Runs where a timer is set, on the thread that sets it, as the framework's code would: it may throw, wait, or come
    // back.
    public Action? OnSet { get; set; }

    public override long TimestampFrequency => 1_000;

    public override long GetTimestamp() => Interlocked.Read(ref _nowMs);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ManualTimer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        lock (_lock)
        {
            _timers.Add(timer);
        }

        return timer;
    }

    // Moves on, stopping at each timer that comes due on the way.
    public void Advance(long milliseconds)
    {
        long end = GetTimestamp() + milliseconds;
        while (TakeNext(end) is { } timer)
        {
            timer.Fire();
        }

        // A timer may have moved on itself, as what takes time does.
        Interlocked.Exchange(ref _nowMs, Math.Max(GetTimestamp(), end));
    }

    private ManualTimer? TakeNext(long end)
    {
        lock (_lock)
        {
            ManualTimer? next = null;
            foreach (ManualTimer timer in _timers)
            {
                next = timer.Due <= end && (next is null || timer.Due < next.Due) ? timer : next;
            }

            if (next is not null)
            {
                Interlocked.Exchange(ref _nowMs, Math.Max(GetTimestamp(), next.Due));
                next.Due = long.MaxValue;
            }

            return next;
        }
    }

    private void Remove(ManualTimer timer)
    {
        lock (_lock)
        {
            _timers.Remove(timer);
        }
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        public long Due { get; set; } = long.MaxValue;

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                time.OnSet?.Invoke();
            }

            if (time.IsRefusing)
            {
                throw new OutOfMemoryException("No thread for a timer.");
            }

            Due = dueTime == Timeout.InfiniteTimeSpan ? long.MaxValue : time.GetTimestamp() + (long)dueTime.TotalMilliseconds;
            return true;
        }

        public void Dispose() => time.Remove(this);

        public System.Threading.Tasks.ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
