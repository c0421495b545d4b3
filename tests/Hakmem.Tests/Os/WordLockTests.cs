using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

// The lock that everything else rests on.
public sealed class WordLockTests
{
    private const int Threads = 6;
    private const int Rounds = 4_000;

    private readonly UninterruptibleLock _lock = new();
    private long _count;
    private int _word;

    [Fact]
    public void OneThreadAtATimeIsInside()
    {
        Workers.Run(Threads, index =>
        {
            Random random = new(index);
            for (int round = 0; round < Rounds; round++)
            {
                using (_lock.Enter())
                {
                    // Now and then for so long that the others stop spinning and sleep.
                    long before = _count;
                    Thread.SpinWait(random.Next(50) == 0 ? 20_000 : random.Next(20));
                    _count = before + 1;
                }
            }
        });
        Assert.Equal(Threads * Rounds, _count);
    }

    [Fact]
    public void ThreadsThatSleepAreAllWoken()
    {
        for (int round = 0; round < 20; round++)
        {
            WordLock.Enter(ref _word);
            int inside = 0;
            int waiting = 0;
            Workers.RunAndHold(
                Threads,
                index =>
                {
                    if (index == 0)
                    {
                        // The rest are asleep by now, or soon: whoever sleeps late must be woken as well.
                        SpinWait.SpinUntil(() => Volatile.Read(ref waiting) == Threads - 1);
                        Thread.SpinWait(100_000);
                        WordLock.Exit(ref _word);
                        return;
                    }

                    Interlocked.Increment(ref waiting);
                    WordLock.Enter(ref _word);
                    inside++;
                    WordLock.Exit(ref _word);
                },
                whileIdle: null);
            Assert.Equal(Threads - 1, inside);
            Assert.Equal(0, _word);
        }
    }

    [Fact]
    public void TryEnterFailsWhileTheLockIsHeld()
    {
        Assert.True(_lock.TryEnter());
        Workers.RunOne(() => Assert.False(_lock.TryEnter()));
        _lock.Exit();
        Workers.RunOne(() =>
        {
            Assert.True(_lock.TryEnter());
            _lock.Exit();
        });
    }

    [Fact]
    public void AnInterruptedThreadGetsTheLockAndKeepsTheInterrupt()
    {
        bool wasThrownLater = false;
        bool isWaiting = false;
        _lock.TryEnter();
        Thread waiter = new(() =>
        {
            Volatile.Write(ref isWaiting, true);
            using (_lock.Enter())
            {
            }

            try
            {
                Thread.Sleep(Timeout.Infinite);
            }
            catch (ThreadInterruptedException)
            {
                wasThrownLater = true;
            }
        })
        {
            IsBackground = true,
        };
        waiter.Start();
        SpinWait.SpinUntil(() => Volatile.Read(ref isWaiting));
        Thread.SpinWait(200_000);
        waiter.Interrupt();
        Thread.SpinWait(200_000);
        _lock.Exit();
        Assert.True(waiter.Join(TimeSpan.FromMinutes(1)));
        Assert.True(wasThrownLater);
    }
}
