using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

public sealed class FrameworkCallTests
{
    private const int MaxTries = 8;

    [Fact]
    public void AWaitDoesNotReachTheSynchronizationContext()
    {
        CountingContext context = new();
        object contended = new();
        Thread waiting = new(() =>
        {
            SynchronizationContext.SetSynchronizationContext(context);
            FrameworkCall.Try(ref contended, static (ref object monitor) =>
            {
                lock (monitor)
                {
                }
            });
            Assert.Same(context, SynchronizationContext.Current);
        });
        lock (contended)
        {
            waiting.Start();
            Assert.True(SpinWait.SpinUntil(() => (waiting.ThreadState & ThreadState.WaitSleepJoin) != 0, TimeSpan.FromMinutes(2)));
        }

        waiting.Join();
        Assert.Null(context.FirstWait);
    }

    [Fact]
    public void AnInterruptedCallIsRepeatedAndTheInterruptStays()
    {
        int calls = 0;
        Exception? failure = FrameworkCall.Try(ref calls, static (ref int count) =>
        {
            if (++count == 1)
            {
                throw new ThreadInterruptedException();
            }
        });
        Assert.Null(failure);
        Assert.Equal(2, calls);
        Assert.Throws<ThreadInterruptedException>(() => Thread.Sleep(0));
    }

    [Fact]
    public void ACallThatIsAlwaysInterruptedEnds()
    {
        int calls = 0;
        Exception? failure = FrameworkCall.Try(ref calls, static (ref int count) =>
        {
            count++;
            throw new ThreadInterruptedException();
        });
        Assert.IsType<ThreadInterruptedException>(failure);
        Assert.Equal(MaxTries, calls);
        Assert.Throws<ThreadInterruptedException>(() => Thread.Sleep(0));
    }

    [Fact]
    public void AnotherExceptionIsReturnedAtOnce()
    {
        int calls = 0;
        Exception? failure = FrameworkCall.Try(ref calls, static (ref int count) =>
        {
            count++;
            throw new InvalidOperationException();
        });
        Assert.IsType<InvalidOperationException>(failure);
        Assert.Equal(1, calls);
    }

    [Fact]
    public void ACallerThatCanDoWithoutIsToldSoIfMemoryIsOut()
    {
        int calls = 0;
        Assert.True(FrameworkCall.IsDone(ref calls, static (ref int count) => count++));
        Assert.False(FrameworkCall.IsDone(ref calls, static (ref int count) => throw new OutOfMemoryException()));
        Assert.Throws<InvalidOperationException>(() => FrameworkCall.IsDone(ref calls, static (ref int count) => throw new InvalidOperationException()));
        Assert.Equal(1, calls);
    }
}
