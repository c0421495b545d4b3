using System;
using System.Threading;
using Hakmem.Reclaim;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// What the framework's timer may do to the thread that sets it, which is a thread of the program's inside an allocation
// or a free.
public sealed class TimerArmingTests
{
    // What a refused timer is not tried again for.
    private const long Pause = 1_000;

    private const long Ages = 3_600_000;

    private readonly ManualTime _time = new();
    private readonly DecayTimer _timer;

    public TimerArmingTests() => _timer = new DecayTimer(_time, () => false, observesCollections: false);

    [Fact]
    public void AnyExceptionOfTheTimerIsCountedAndTriedAgain()
    {
        ScriptedHeap heap = new(_timer);
        _time.OnSet = () => throw new NotSupportedException("no timer");
        heap.NotifyUsed();
        Assert.Equal(1, heap.FailedRuns);
        Assert.Equal("no timer", heap.LastFailure?.Message);
        Assert.False(_timer.IsArmed);

        _time.OnSet = null;
        _time.Advance(Pause);
        heap.NotifyUsed();
        Assert.True(_timer.IsArmed);

        // It has been due for some time.
        _time.Advance(0);
        Assert.True(heap.WasUsed);
    }

    [Fact]
    public void ARefusedTimerIsNotTriedAgainBeforeAPause()
    {
        ScriptedHeap heap = new(_timer);
        int tries = 0;
        _time.OnSet = () =>
        {
            tries++;
            throw new OutOfMemoryException();
        };
        for (int i = 0; i < 100; i++)
        {
            heap.NotifyUsed();
        }

        Assert.Equal(1, tries);
        _time.Advance(Pause);
        heap.NotifyUsed();
        heap.NotifyUsed();
        Assert.Equal(2, tries);
        Assert.Equal(2, heap.FailedRuns);
    }

    // A collection of the oldest generation is likely just then.
    [Fact]
    public void ScheduleAllDuringThePauseLosesNoNotification()
    {
        ScriptedHeap heap = new(_timer);
        _time.OnSet = () => throw new OutOfMemoryException();
        heap.NotifyUsed();
        _time.OnSet = null;
        _timer.ScheduleAll();
        _time.Advance(Pause);
        heap.NotifyUsed();
        Assert.True(_timer.IsArmed);
    }

    [Fact]
    public void ATimerRefusedOnItsOwnThreadIsCountedAndTriedAgain()
    {
        ScriptedHeap heap = new(_timer);
        heap.NotifyUsed();
        _time.OnSet = () => throw new OutOfMemoryException();
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(1, heap.Runs);
        Assert.Equal(1, heap.FailedRuns);
        Assert.False(_timer.IsArmed);

        _time.OnSet = null;
        _time.Advance(Pause);
        heap.NotifyUsed();
        _time.Advance(Ages);
        Assert.True(heap.Runs > 1);
    }

    // A contended lock of the framework's does both.
    [Fact]
    public void AnInterruptWhileTheTimerIsSetStaysPending() => Workers.RunOne(() =>
    {
        ScriptedHeap heap = new(_timer);
        _time.OnSet = () => Thread.Sleep(0);
        Thread.CurrentThread.Interrupt();
        heap.NotifyUsed();
        Assert.True(_timer.IsArmed);
        Assert.Equal(0, heap.FailedRuns);
        Assert.Throws<ThreadInterruptedException>(() => Thread.Sleep(0));
        Thread.Sleep(0);
    });

    [Fact]
    public void TheTimerIsSetWithoutASynchronizationContext() => Workers.RunOne(() =>
    {
        SynchronizationContext context = new();
        SynchronizationContext.SetSynchronizationContext(context);
        SynchronizationContext? seen = context;
        ScriptedHeap heap = new(_timer);
        _time.OnSet = () => seen = SynchronizationContext.Current;
        heap.NotifyUsed();
        Assert.Null(seen);
        Assert.Same(context, SynchronizationContext.Current);

        _time.OnSet = () => throw new OutOfMemoryException();
        new ScriptedHeap(_timer, ScriptedHeap.Interval / 2).NotifyUsed();
        Assert.Same(context, SynchronizationContext.Current);
    });

    // As a handler of FirstChanceException may that allocates.
    [Fact]
    public void NotificationInsideTheTimersCallReturns() => Workers.RunOne(() =>
    {
        ScriptedHeap heap = new(_timer);
        ScriptedHeap sooner = new(_timer, ScriptedHeap.Interval / 2);
        int calls = 0;
        _time.OnSet = () =>
        {
            calls++;
            sooner.NotifyUsed();
            _timer.ScheduleAll();
        };
        heap.NotifyUsed();

        // What it asked for meanwhile is set by the same thread afterwards: all are due now.
        Assert.Equal(2, calls);
        _time.OnSet = null;
        _time.Advance(0);
        Assert.True(heap.WasUsed);
        Assert.True(sooner.WasUsed);
    });

    [Fact]
    public void OtherThreadsDoNotWaitForTheTimersCall()
    {
        ScriptedHeap heap = new(_timer);
        ScriptedHeap sooner = new(_timer, ScriptedHeap.Interval / 2);
        bool isFirst = true;
        _time.OnSet = () =>
        {
            if (isFirst)
            {
                isFirst = false;
                Workers.RunOne(sooner.NotifyUsed);
            }
        };
        Workers.RunOne(heap.NotifyUsed);
        Assert.False(isFirst);
        _time.Advance(ScriptedHeap.Interval / 2);
        Assert.True(sooner.WasUsed);
        Assert.Equal(0, heap.Runs);
        _time.Advance(ScriptedHeap.Interval / 2);
        Assert.True(heap.WasUsed);
    }

    // The tick of an earlier setting, or of this one if it is due at once, may come before the call returns.
    [Fact]
    public void ATickDuringTheTimersCallLosesNoWakeUp()
    {
        ScriptedHeap heap = new(_timer);
        heap.NotifyUsed();
        ScriptedHeap sooner = new(_timer, ScriptedHeap.Interval / 2);
        bool isFirst = true;
        _time.OnSet = () =>
        {
            if (isFirst)
            {
                isFirst = false;
                _time.Advance(ScriptedHeap.Interval);
            }
        };
        sooner.NotifyUsed();
        Assert.True(_timer.IsArmed);
        Assert.True(heap.WasUsed);
        Assert.True(sooner.WasUsed);
        heap.NotifyUsed();
        sooner.NotifyUsed();
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(2, heap.Runs);
        Assert.True(sooner.Runs >= 2);
        _time.Advance(Ages);
        Assert.False(_timer.IsArmed);
    }

    // The caller may have a block in hand that nobody else knows of.
    [Fact]
    public void NotifyUsedAllocatesNoManagedObject() => Workers.RunOne(() =>
    {
        // The first sets the framework's timer, and with the second compiles what the others run. Heaps that were there
        // before are listed then.
        new ScriptedHeap(_timer).NotifyUsed();
        new ScriptedHeap(_timer).NotifyUsed();
        ScriptedHeap[] heaps = new ScriptedHeap[600];
        for (int i = 0; i < heaps.Length; i++)
        {
            heaps[i] = new ScriptedHeap(_timer);
        }

        int used = 0;
        Assert.Equal(0, ManagedGarbage.Measure(rounds: heaps.Length / 6, () => heaps[used++].NotifyUsed()));
        Assert.Equal(heaps.Length, used);
        _time.Advance(ScriptedHeap.Interval);
        Assert.All(heaps, heap => Assert.True(heap.WasUsed));
    });
}
