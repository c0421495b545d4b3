using System;
using System.Buffers;
using System.Collections.Concurrent;
using System.Linq;
using System.Threading;
using Hakmem.AspNetCore.Pooling;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Pooling;

// A rental at the limit that is held up while it looks through the threads' caches, while one thread returns a block and another takes one:
// at no moment all blocks are in use, so it must not be refused, whatever it had looked at already.
public sealed class LimitRaceTests
{
    private static readonly TimeSpan s_deadlock = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(0, 2)]
    [InlineData(2, 0)]
    public void ABlockThatChangesCachesBehindARentalsBackIsFound(int taker, int giver)
    {
        using PinnedMemoryPool pool = new(
            new PinnedMemoryPoolOptions { MaxBytes = 128 << 10, RefuseAtLimit = true, ThreadCacheBlocks = 64 });
        using Stepper first = new(), second = new(), third = new(), renter = new();
        Stepper[] steppers = [first, second, third];
        PinnedThreadCache? blocked = null;

        // The caches come to be in this order. The taker's has the only free block, the giver holds one, all others are out.
        Array.ForEach(steppers, stepper => stepper.RunToEnd(() => pool.Rent().Dispose()));
        renter.RunToEnd(() => pool.Rent().Dispose());
        IMemoryOwner<byte>[] all = [.. Enumerable.Range(0, 32).Select(_ => pool.Rent())];
        steppers[taker].RunToEnd(() => all[0].Dispose());
        second.RunToEnd(() => blocked = pool.Store.FindCache());
        IMemoryOwner<byte>? taken = null;
        IMemoryOwner<byte>? rented = null;
        blocked!.CloseGate();
        try
        {
            renter.Start(() => rented = pool.Rent());
            Assert.False(renter.RunsToEndOr(() => blocked.IsWaitedFor), "The rental did not look into every cache.");
            steppers[giver].Start(() => all[1].Dispose());
            if (steppers[giver].RunsToEndOr(() => pool.Store.IsWaitedFor))
            {
                steppers[taker].Start(() => taken = pool.Rent());
                steppers[taker].RunsToEndOr(() => pool.Store.IsWaitedFor);
            }
        }
        finally
        {
            blocked.OpenGate();
        }

        Array.ForEach([.. steppers, renter], stepper => stepper.WaitForEnd());
        rented!.Dispose();
        taken?.Dispose();
        Array.ForEach(all[2..], owner => owner.Dispose());
        Assert.Equal(0, pool.GetStatistics().RentedBytes);
        pool.CheckInvariants();
    }

    // A thread that does one thing after another, and tells whether it waits for something within one.
    private sealed class Stepper : IDisposable
    {
        private readonly BlockingCollection<Action> _steps = [];
        private readonly Thread _thread;

        // Written by either thread, volatile: a step that is seen to have ended has left all that it wrote.
        private volatile bool _isEnded = true;
        private volatile Exception? _failure;

        public Stepper()
        {
            _thread = new Thread(Run) { IsBackground = true };
            _thread.Start();
        }

        public void Start(Action step)
        {
            _isEnded = false;
            _steps.Add(step);
        }

        // Returns whether the step has ended; otherwise it waits, as the condition says.
        public bool RunsToEndOr(Func<bool> isWaiting)
        {
            Assert.True(SpinWait.SpinUntil(() => _isEnded || isWaiting(), s_deadlock), "A step neither ended nor waited.");
            return _isEnded;
        }

        public void WaitForEnd()
        {
            Assert.True(SpinWait.SpinUntil(() => _isEnded, s_deadlock), "A step did not end.");
            Assert.Null(_failure);
        }

        public void RunToEnd(Action step)
        {
            Start(step);
            WaitForEnd();
        }

        public void Dispose()
        {
            _steps.CompleteAdding();
            Assert.True(_thread.Join(s_deadlock), "A thread did not end.");
            _steps.Dispose();
        }

        private void Run()
        {
            foreach (Action step in _steps.GetConsumingEnumerable())
            {
                try
                {
                    step();
                }
                catch (Exception failure)
                {
                    _failure = failure;
                }

                _isEnded = true;
            }
        }
    }
}
