using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.ExceptionServices;
using System.Threading;
using Hakmem.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// What the program runs while the pool throws (a handler of the first chance is called before any finally block) may
// use the same pool.
public sealed class RefusalTests
{
    private const int Blocks = 32;
    private static readonly TimeSpan s_deadlock = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(0)]
    [InlineData(64)]
    public void HandlerOfARefusalAtTheLimitMayUseThePool(int threadCacheBlocks)
    {
        PinnedMemoryPool pool = new(new PinnedMemoryPoolOptions
        {
            MaxBytes = 128 << 10, RefuseAtLimit = true, ThreadCacheBlocks = threadCacheBlocks,
        });
        IMemoryOwner<byte>[] all = [.. Enumerable.Range(0, Blocks).Select(_ => pool.Rent())];
        RunWithHandler<OutOfMemoryException>(
            () => pool.Rent(),
            whileThrowing: () =>
            {
                all[3].Dispose();
                all[3] = pool.Rent();
                Assert.Equal(Blocks * 4096, pool.GetStatistics().RentedBytes);
            });
        Array.ForEach(all, owner => owner.Dispose());
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
        pool.CheckInvariants();
        pool.Dispose();
    }

    // The pool's own refusal, and that of its store, which a rental meets that raced with the end.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HandlerOfARefusalAfterTheEndMayUseThePool(bool ofTheStore)
    {
        PinnedMemoryPool pool = new(new PinnedMemoryPoolOptions { ThreadCacheBlocks = 0 });
        IMemoryOwner<byte> owner = pool.Rent();
        pool.Dispose();
        RunWithHandler<ObjectDisposedException>(
            () => _ = ofTheStore ? pool.Store.Rent() : pool.Rent(),
            whileThrowing: () =>
            {
                owner.Dispose();
                Assert.Equal(0, pool.GetStatistics().TotalBytes);
            });
        pool.CheckInvariants();
    }

    // A timer that cannot be started, as where the system has no thread for it, must not cost the rental its block.
    [Fact]
    public void RefusedTimerFailsNoRentalAndIsTriedAgain()
    {
        RefusingClock clock = new();
        using PinnedMemoryPool pool = new(
            new PinnedMemoryPoolOptions { IdleTimeout = TimeSpan.FromSeconds(9), ThreadCacheBlocks = 0 }, timeProvider: clock);
        clock.Refuses = true;
        IMemoryOwner<byte> first = pool.Rent();
        clock.Refuses = false;
        IMemoryOwner<byte> second = pool.Rent();
        Assert.Equal(2 * 4096, pool.GetStatistics().RentedBytes);
        first.Dispose();
        second.Dispose();
        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
    }

    // On a thread of its own, since what is wrong would hang it for good.
    private static void RunWithHandler<TRefusal>(Action refused, Action whileThrowing)
        where TRefusal : Exception
    {
        List<Exception> failures = [];
        int calls = 0;
        Thread thread = new(() =>
        {
            void Handle(object? sender, FirstChanceExceptionEventArgs arguments)
            {
                if (arguments.Exception is TRefusal && calls == 0 && Thread.CurrentThread.Name == nameof(RunWithHandler))
                {
                    calls++;
                    failures.AddRange(new[] { Record.Exception(whileThrowing) }.OfType<Exception>());
                }
            }

            AppDomain.CurrentDomain.FirstChanceException += Handle;
            failures.AddRange(new[] { Record.Exception(() => Assert.ThrowsAny<TRefusal>(refused)) }.OfType<Exception>());
            AppDomain.CurrentDomain.FirstChanceException -= Handle;
        })
        {
            IsBackground = true, Name = nameof(RunWithHandler),
        };
        thread.Start();
        Assert.True(thread.Join(s_deadlock), "The handler waits for the pool for ever.");
        Assert.Empty(failures);
        Assert.Equal(1, calls);
    }

    private sealed class RefusingClock : TimeProvider
    {
        private readonly FakeTimeProvider _clock = new();

        public bool Refuses { get; set; }

        public void Advance(TimeSpan time) => _clock.Advance(time);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new RefusingTimer(this, _clock.CreateTimer(callback, state, dueTime, period));

        private sealed class RefusingTimer(RefusingClock clock, ITimer timer) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) =>
                clock.Refuses ? throw new OutOfMemoryException("The system has no more threads.") : timer.Change(dueTime, period);

            public void Dispose() => timer.Dispose();

            public System.Threading.Tasks.ValueTask DisposeAsync() => timer.DisposeAsync();
        }
    }
}
