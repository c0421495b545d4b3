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
        int waits = 0;
        Run(InterruptThreads, (random, index) =>
        {
            CountingContext context = new();
            SynchronizationContext.SetSynchronizationContext(context);
            RunSteps(random);
            SynchronizationContext.SetSynchronizationContext(null);
            Interlocked.Add(ref waits, context.Waits);
        });
        Assert.Equal(0, waits);
        AssertEmpty();
    }

    // Replaces blocks of the thread's own at random, and sometimes trims, so that threads meet in every lock.
    private void RunSteps(Random random, Action? betweenSteps = null, Func<bool>? isEnough = null)
    {
        Block[] slots = new Block[200];
        int least = TotalSteps / InterruptThreads / 4;
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

    // One thread that is interrupted again and again, each time once it has noticed the interrupt before, in a wait of its own.
    private sealed class Interruptions
    {
        private readonly Lock _lock = new();

        // Guarded by _lock.
        private Thread? _victim;
        private int _taken;
        private bool _isOver;

        public int Taken => Volatile.Read(ref _taken);

        public void RunVictim(Action body)
        {
            SetVictim();
            try
            {
                body();
            }
            finally
            {
                // Under the lock no interrupt is on its way, so the wait behind it takes the last one.
                EndInterrupts();
                TakeAtWait();
            }
        }

        public void TakeAtWait()
        {
            try
            {
                Thread.Sleep(1);
            }
            catch (ThreadInterruptedException)
            {
                Interlocked.Increment(ref _taken);
            }
        }

        public void Interrupt()
        {
            while (!Volatile.Read(ref _isOver))
            {
                int before = Taken;
                InterruptOnce();
                while (Taken == before && !Volatile.Read(ref _isOver))
                {
                    Thread.Yield();
                }
            }
        }

        private void SetVictim()
        {
            lock (_lock)
            {
                _victim = Thread.CurrentThread;
            }
        }

        private void InterruptOnce()
        {
            lock (_lock)
            {
                _victim?.Interrupt();
            }
        }

        private void EndInterrupts()
        {
            bool isEnded = false;
            while (!isEnded)
            {
                try
                {
                    lock (_lock)
                    {
                        _victim = null;
                        Volatile.Write(ref _isOver, true);
                        isEnded = true;
                    }
                }
                catch (ThreadInterruptedException)
                {
                    // Taken while waiting for the lock.
                    Interlocked.Increment(ref _taken);
                }
            }
        }
    }

    // Counts waits that the runtime leaves to it.
    private sealed class CountingContext : SynchronizationContext
    {
        public CountingContext() => SetWaitNotificationRequired();

        public int Waits { get; private set; }

        public override int Wait(nint[] waitHandles, bool waitAll, int millisecondsTimeout)
        {
            Waits++;
            return WaitHelper(waitHandles, waitAll, millisecondsTimeout);
        }
    }
}
