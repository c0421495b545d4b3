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
}
