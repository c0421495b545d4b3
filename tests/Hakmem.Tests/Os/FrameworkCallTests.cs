using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

public sealed unsafe class FrameworkCallTests
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
            FrameworkCall.Try(ref contended, &Enter);
            Assert.Same(context, SynchronizationContext.Current);
        });
        lock (contended)
        {
            waiting.Start();
            Assert.True(SpinWait.SpinUntil(() => (waiting.ThreadState & ThreadState.WaitSleepJoin) != 0, TimeSpan.FromMinutes(2)));
        }

        waiting.Join();
        Assert.Null(context.FirstWait);

        static void Enter(ref object monitor)
        {
            lock (monitor)
            {
            }
        }
    }

    [Fact]
    public void AnInterruptedCallIsRepeatedAndTheInterruptStays()
    {
        int calls = 0;
        Exception? failure = FrameworkCall.Try(ref calls, &InterruptFirst);
        Assert.Null(failure);
        Assert.Equal(2, calls);
        Assert.Throws<ThreadInterruptedException>(() => Thread.Sleep(0));

        static void InterruptFirst(ref int count)
        {
            if (++count == 1)
            {
                throw new ThreadInterruptedException();
            }
        }
    }

    [Fact]
    public void ACallThatIsAlwaysInterruptedEnds()
    {
        int calls = 0;
        Exception? failure = FrameworkCall.Try(ref calls, &Throw<ThreadInterruptedException>);
        Assert.IsType<ThreadInterruptedException>(failure);
        Assert.Equal(MaxTries, calls);
        Assert.Throws<ThreadInterruptedException>(() => Thread.Sleep(0));
    }

    [Fact]
    public void AnotherExceptionIsReturnedAtOnce()
    {
        int calls = 0;
        Exception? failure = FrameworkCall.Try(ref calls, &Throw<InvalidOperationException>);
        Assert.IsType<InvalidOperationException>(failure);
        Assert.Equal(1, calls);
    }

    [Fact]
    public void ACallerThatCanDoWithoutIsToldSoIfMemoryIsOut()
    {
        int calls = 0;
        Assert.True(FrameworkCall.IsDone(ref calls, &Count));
        Assert.False(FrameworkCall.IsDone(ref calls, &Throw<OutOfMemoryException>));
        Assert.Throws<InvalidOperationException>(
            () => FrameworkCall.IsDone(ref calls, &Throw<InvalidOperationException>));
        Assert.Equal(3, calls);
    }

    private static void Count(ref int count) => count++;

    private static void Throw<T>(ref int count)
        where T : Exception, new()
    {
        count++;
        throw new T();
    }
}
