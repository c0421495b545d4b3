using System;
using System.Buffers;
using System.Threading;
using Hakmem.AspNetCore.Tests.Support;
using Hakmem.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// What other code of the program may do to a thread that rents and returns: interrupt it, and have its waits done by a
// SynchronizationContext. Neither may be noticed by the pool. Slabs come and go all the time, so that the timer is
// started and stopped too.
[Collection(StressCollection.Name)]
public sealed class DisturbedThreadStress
{
    private const int Threads = 6;
    private const int LeastSteps = 20_000;
    private const int LeastInterrupts = 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void InterruptsAreNeitherThrownNorConsumed(bool hasSystemClock) => Seeded.Run(seed =>
    {
        using PinnedMemoryPool pool = CreatePool(hasSystemClock);
        Interruptions interruptions = new();
        Workers.Run(Threads + 1, worker =>
        {
            Random random = new(seed + worker);
            switch (worker)
            {
                case 0:
                    interruptions.RunVictim(() => RunSteps(pool, random, interruptions.TakeAtWait, () => interruptions.Taken >= LeastInterrupts));
                    break;
                case Threads:
                    interruptions.Interrupt();
                    break;
                default:
                    RunSteps(pool, random);
                    break;
            }
        });
        Assert.True(interruptions.Taken >= LeastInterrupts, $"Only {interruptions.Taken} interrupts reached the thread.");
        AssertAllIsBack(pool);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void SynchronizationContextIsNeverAskedToWait(bool hasSystemClock) => Seeded.Run(seed =>
    {
        using PinnedMemoryPool pool = CreatePool(hasSystemClock);
        int waits = 0;
        Workers.Run(Threads, worker =>
        {
            CountingContext context = new();
            SynchronizationContext.SetSynchronizationContext(context);
            RunSteps(pool, new Random(seed + worker));
            Assert.Same(context, SynchronizationContext.Current);
            SynchronizationContext.SetSynchronizationContext(null);
            Interlocked.Add(ref waits, context.Waits);
        });
        Assert.Equal(0, waits);
        AssertAllIsBack(pool);
    });

    // Two slots a thread, so that the pool is often empty, and threads meet in its lock and in the timer's.
    private static void RunSteps(PinnedMemoryPool pool, Random random, Action? betweenSteps = null, Func<bool>? isEnough = null)
    {
        IMemoryOwner<byte>?[] slots = new IMemoryOwner<byte>?[2];
        for (int step = 0; step < LeastSteps || !(isEnough?.Invoke() ?? true); step++)
        {
            ref IMemoryOwner<byte>? slot = ref slots[random.Next(slots.Length)];
            slot?.Dispose();
            slot = random.Next(4) == 0 ? pool.Rent() : null;
            if (random.Next(4) == 0)
            {
                pool.Trim();
            }

            if (step % 64 == 0)
            {
                betweenSteps?.Invoke();
            }
        }

        Array.ForEach(slots, owner => owner?.Dispose());
    }

    private static PinnedMemoryPool CreatePool(bool hasSystemClock)
    {
        TimeProvider clock = hasSystemClock ? TimeProvider.System : new FakeTimeProvider();
        return new PinnedMemoryPool(new PinnedMemoryPoolOptions { ThreadCacheBlocks = 2 }, timeProvider: clock);
    }

    private static void AssertAllIsBack(PinnedMemoryPool pool)
    {
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
        pool.Trim();
        Assert.Equal(0, pool.GetStatistics().TotalBytes);
        Assert.False(pool.IsTicking);
        pool.CheckInvariants();
    }
}
