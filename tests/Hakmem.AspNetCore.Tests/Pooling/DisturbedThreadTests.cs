using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Hakmem.AspNetCore.Pooling;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// A thread that is made to wait in a rental, for the pool's lock or for a lock within the timer, and is interrupted or
// has a SynchronizationContext while it does: it gets its block, is not asked for anything, and finds the interrupt in
// its own next wait.
public sealed class DisturbedThreadTests : IDisposable
{
    private static readonly TimeSpan s_deadlock = TimeSpan.FromMinutes(1);

    private readonly LockingClock _clock = new();
    private readonly PinnedMemoryPool _pool;
    private readonly CountingContext _context = new();

    public DisturbedThreadTests() =>
        _pool = new PinnedMemoryPool(new PinnedMemoryPoolOptions { ThreadCacheBlocks = 0 }, timeProvider: _clock);

    // A trim that waits for a cache has the lock meanwhile.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ThreadThatWaitsForThePoolIsNotDisturbed(bool isInterrupted)
    {
        PinnedThreadCache blocked = _pool.Store.FindCache();
        blocked.CloseGate();
        Thread trim = Start(_pool.Trim);
        Assert.True(SpinWait.SpinUntil(() => blocked.IsWaitedFor, s_deadlock));
        RentDisturbed(
            isInterrupted, isWaiting: renter => _pool.Store.IsWaitedFor || IsInTheFrameworksWait(renter),
            isWaitingAgain: () => true, endWait: blocked.OpenGate);
        Assert.True(trim.Join(s_deadlock));
    }

    // The first rental starts the timer.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ThreadThatWaitsForTheTimerIsNotDisturbed(bool isInterrupted)
    {
        _clock.Lock();
        RentDisturbed(
            isInterrupted, isWaiting: renter => _clock.Calls == 1 && IsInTheFrameworksWait(renter),
            isWaitingAgain: () => _clock.Calls == 2, endWait: _clock.Unlock);
        Assert.Equal(1, _clock.Changes);
    }

    public void Dispose()
    {
        Assert.Equal(0, _pool.GetStatistics().RentedBytes);
        _pool.CheckInvariants();
        _pool.Dispose();
    }

    // Which a rental may be in for the clock's lock, but never for the pool's.
    private static bool IsInTheFrameworksWait(Thread thread) => (thread.ThreadState & ThreadState.WaitSleepJoin) != 0;

    private static Thread Start(Action body)
    {
        Thread thread = new(() => body()) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private void RentDisturbed(bool isInterrupted, Func<Thread, bool> isWaiting, Func<bool> isWaitingAgain, Action endWait)
    {
        List<Exception> failures = [];
        bool isPending = false;
        Thread renter = Start(() =>
        {
            SynchronizationContext.SetSynchronizationContext(_context);
            failures.AddRange(new[] { Record.Exception(() => _pool.Rent().Dispose()) }.OfType<Exception>());
            isPending = Record.Exception(() => Thread.Sleep(1)) is ThreadInterruptedException;
            failures.AddRange(ReferenceEquals(_context, SynchronizationContext.Current) ? [] : [new InvalidOperationException("The context is another.")]);
        });
        try
        {
            Assert.True(SpinWait.SpinUntil(() => isWaiting(renter), s_deadlock), "The rental does not wait.");
            if (isInterrupted)
            {
                renter.Interrupt();
                Assert.True(SpinWait.SpinUntil(() => isWaitingAgain() || !renter.IsAlive, s_deadlock), "The rental does not wait again.");
            }
        }
        finally
        {
            endWait();
        }

        Assert.True(renter.Join(s_deadlock), "The rental did not end.");
        Assert.Empty(failures);
        Assert.Equal(isInterrupted, isPending);
        Assert.Equal(0, _context.Waits);
    }

    // Its timers take a lock, as the framework's do, which the test may hold.
    private sealed class LockingClock : TimeProvider
    {
        private readonly object _lock = new();
        private int _calls;

        // Changes that began, and that came to their end.
        public int Calls => Volatile.Read(ref _calls);

        public int Changes { get; private set; }

        public void Lock() => Monitor.Enter(_lock);

        public void Unlock() => Monitor.Exit(_lock);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new LockingTimer(this);

        private sealed class LockingTimer(LockingClock clock) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                Interlocked.Increment(ref clock._calls);
                lock (clock._lock)
                {
                    clock.Changes++;
                    return true;
                }
            }

            public void Dispose()
            {
            }

            public System.Threading.Tasks.ValueTask DisposeAsync() => default;
        }
    }
}
