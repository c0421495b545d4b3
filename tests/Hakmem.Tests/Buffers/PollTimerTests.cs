using System;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

public sealed class PollTimerTests
{
    // Threads begin and end to wait at the same time; whatever they did to the timer, whoever still waits hears it.
    [Fact]
    public void WhoeverStillWaitsHearsATick()
    {
        const int Threads = 4;
        for (int round = 0; round < 100; round++)
        {
            int waiting = 0;
            using AutoResetEvent ticked = new(false);
            PollTimer timer = new(() => ticked.Set(), () => Volatile.Read(ref waiting) > 0, null);
            Workers.Run(Threads, worker =>
            {
                for (int i = 0; i < 50; i++)
                {
                    Interlocked.Increment(ref waiting);
                    Assert.True(timer.TryUpdate());
                    if (worker == 0 && i == 49)
                    {
                        return;
                    }

                    Interlocked.Decrement(ref waiting);
                    Assert.True(timer.TryUpdate());
                }
            });
            ticked.Reset();
            Assert.True(ticked.WaitOne(TimeSpan.FromSeconds(30)), $"No tick in round {round}.");
            Interlocked.Decrement(ref waiting);
            Assert.True(timer.TryUpdate());
            timer.End();
        }
    }
    // A thread begins to wait while another one, which has just looked, decides what to do with the timer.
    [Fact]
    public void ACallDuringTheLookIsServed()
    {
        using AutoResetEvent ticked = new(false);
        bool isWanted = false;
        PollTimer? timer = null;
        timer = new PollTimer(() => ticked.Set(), () =>
        {
            bool seen = isWanted;
            if (!isWanted)
            {
                isWanted = true;
                Assert.True(timer!.TryUpdate());
            }

            return seen;
        }, null);
        Assert.True(timer.TryUpdate());
        Assert.True(ticked.WaitOne(TimeSpan.FromSeconds(30)));
        timer.End();
    }

    // The thread that starts the timer for both fails; the one that left it to that thread was told that all is well.
    [Fact]
    public void AStartThatFailsIsTriedAgainForWhoeverCameMeanwhile()
    {
        using AutoResetEvent ticked = new(false);
        PollTimer? timer = null;
        int calls = 0;
        timer = new PollTimer(() => ticked.Set(), () => true, () =>
        {
            if (calls++ == 0)
            {
                Assert.True(timer!.TryUpdate());
                throw new OutOfMemoryException("Injected.");
            }
        });
        Assert.True(timer.TryUpdate());
        Assert.True(ticked.WaitOne(TimeSpan.FromSeconds(30)));
        timer.End();
    }

    // Whoever counts those that wait, or the timer itself before it calls the framework, finds no managed memory.
    [Fact]
    public void ALookThatFailsIsToldAndTriedAgainByTheNextCall()
    {
        using AutoResetEvent ticked = new(false);
        int looks = 0;
        PollTimer timer = new(
            () => ticked.Set(), () => looks++ > 0 ? true : throw new OutOfMemoryException("Injected."), null);
        Assert.False(timer.TryUpdate());
        Assert.True(timer.TryUpdate());
        Assert.True(ticked.WaitOne(TimeSpan.FromSeconds(30)));
        timer.End();
    }

    // On the timer's thread, where an exception ends the process.
    [Fact]
    public void ATickWithoutManagedMemoryIsFollowedByTheNext()
    {
        using AutoResetEvent ticked = new(false);
        int ticks = 0;
        PollTimer timer = new(
            () => _ = Interlocked.Increment(ref ticks) > 1 ? ticked.Set() : throw new OutOfMemoryException("Injected."),
            () => true,
            null);
        Assert.True(timer.TryUpdate());
        Assert.True(ticked.WaitOne(TimeSpan.FromSeconds(30)));
        timer.End();
    }

    [Fact]
    public void AStartThatFailsIsToldAndTriedAgainByTheNextCall()
    {
        using AutoResetEvent ticked = new(false);
        int calls = 0;
        PollTimer timer = new(() => ticked.Set(), () => true, () =>
        {
            if (calls++ == 0)
            {
                throw new OutOfMemoryException("Injected.");
            }
        });
        Assert.False(timer.TryUpdate());
        Assert.True(timer.TryUpdate());
        Assert.True(ticked.WaitOne(TimeSpan.FromSeconds(30)));
        timer.End();
    }
}
