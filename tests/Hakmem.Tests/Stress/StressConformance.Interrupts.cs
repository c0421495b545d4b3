using System;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Stress;

// What other code of the program may do to a thread that is in a slow path: interrupt it, and have its waits done by a
// SynchronizationContext. Neither may be noticed by the heap.
public abstract unsafe partial class StressConformance
{
    private const int InterruptThreads = 6;
    private const int LeastInterrupts = 20;

    [Fact]
    public void InterruptsAreNeitherThrownNorConsumed()
    {
        Interruptions interruptions = new();
        Run(InterruptThreads + 1, (random, index) =>
        {
            switch (index)
            {
                case 0:
                    interruptions.RunVictim(() => RunSteps(random, interruptions.TakeAtWait, () => interruptions.Taken >= LeastInterrupts));
                    break;
                case InterruptThreads:
                    interruptions.Interrupt();
                    break;
                default:
                    RunSteps(random);
                    break;
            }
        });
        Assert.True(interruptions.Taken >= LeastInterrupts, $"Only {interruptions.Taken} interrupts reached the thread.");
        AssertEmpty();
    }

    [Fact]
    public void SynchronizationContextIsNeverAskedToWait()
    {
        string? firstWait = null;
        Run(InterruptThreads, (random, index) =>
        {
            CountingContext context = new();
            SynchronizationContext.SetSynchronizationContext(context);
            RunSteps(random);
            SynchronizationContext.SetSynchronizationContext(null);
            Interlocked.CompareExchange(ref firstWait, context.FirstWait, null);
        });
        Assert.True(firstWait is null, firstWait);
        AssertEmpty();
    }

    // Replaces blocks of the thread's own at random, and sometimes trims, so that threads meet in every lock.
    private void RunSteps(Random random, Action? betweenSteps = null, Func<bool>? isEnough = null)
    {
        Block[] slots = new Block[200];
        int least = Steps / InterruptThreads / 4;
        for (int step = 0; step < least || !(isEnough?.Invoke() ?? true); step++)
        {
            Replace(ref slots[random.Next(slots.Length)], random);
            if (random.Next(2_000) == 0)
            {
                _heap.Trim();
            }

            if (step % 64 == 0)
            {
                betweenSteps?.Invoke();
            }
        }

        Array.ForEach(slots, Release);
    }
}
