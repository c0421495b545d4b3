using System;
using System.Threading;

namespace Hakmem.Reclaim;

// A heap, as the timer sees it, which runs Decay when it is due. Without a timer nothing decays.
//
// A notification costs its caller one load while Decay is due soon anyway. The order that loses no notification: a
// thread that notifies writes IsUsed, then reads IsDueSoon; the timer removes or postpones the heap, then reads IsUsed;
// on both sides a full fence is between the two. DecayNotifyModel has every order of these steps, and DecayOrderTests
// forces the two that matter on this code.
internal abstract class DecayTarget(DecayTimer? timer)
{
    // 1 if used since the last run of Decay. Set by any thread, cleared on the timer's or under its lock; interlocked.
    private int _isUsed;

    // Whether Decay is due within the interval. Written under the timer's lock, read by NotifyUsed without it.
    private volatile bool _isDueSoon;

    // How many runs failed, and the exception of the last one. Written by the timer's thread and by a thread that was
    // refused the timer: the exception first, with release. Read by statistics, which may see an exception that is not
    // counted yet.
    private long _failedRuns;
    private Exception? _lastFailure;

    private TimerEntry _entry;

    // What the timer knows of this heap. Guarded by the timer's lock.
    public ref TimerEntry Entry
    {
        get
        {
            timer?.AssertLockHeld();
            return ref _entry;
        }
    }

    // The heap that this is the decay of, for those who list the heaps of a timer.
    public object? Owner { get; init; }

    // Null if nothing decays.
    public DecayTimer? Timer => timer;

    // The next heap of the timer's current pass. Belongs to the timer's thread.
    public DecayTarget? NextDue { get; set; }

    // Virtual so that a test can act as another thread just before or after it is read.
    public virtual bool IsDueSoon
    {
        get => _isDueSoon;
        set
        {
            timer?.AssertLockHeld();
            _isDueSoon = value;
        }
    }

    public bool IsUsed => Volatile.Read(ref _isUsed) != 0;

    // Runs that threw, or that could not be scheduled because the system refused a timer.
    public long FailedRuns => Interlocked.Read(ref _failedRuns);

    // The exception of the last of them; null if there was none.
    public Exception? LastFailure => Volatile.Read(ref _lastFailure);

    // How many bytes it has committed; may be out of date while other threads run.
    public abstract long CommittedBytes { get; }

    // How long after a notification the timer runs Decay.
    public abstract long IntervalMs { get; }

    // Returns memory to the system that was unused for long enough, or all unused memory if memory is short. Returns
    // how many milliseconds after its beginning it wants to run again, or -1 if only after the next notification.
    // Called on the timer's thread, under no lock. If it throws, it runs again later.
    public abstract long Decay(bool isMemoryShort);

    // Notifies the timer that something was used or freed. Called after the fact, so that the run that follows sees it.
    // Never throws, and allocates no managed memory: the caller may hold a block that nothing else refers to.
    public void NotifyUsed()
    {
        if (!IsUsed)
        {
            MarkUsed();
        }
    }

    // Has the timer run Decay at once. Never throws, as NotifyUsed.
    public void ScheduleNow()
    {
        Interlocked.Exchange(ref _isUsed, 1);
        timer?.Schedule(this, 0);
    }

    // Returns to the state without notifications: the next one calls the timer.
    public void ClearUsed()
    {
        IsDueSoon = false;
        TakeUsed();
    }

    public void RecordFailure(Exception failure)
    {
        Volatile.Write(ref _lastFailure, failure);
        Interlocked.Increment(ref _failedRuns);
    }

    // Whether it was used since the last call.
    protected bool TakeUsed() => Interlocked.Exchange(ref _isUsed, 0) != 0;

    // Registers it with the timer, once, before the first notification. A small heap does not start the timer.
    public void Register() => timer?.Register(new WeakLink(this));

    // Removes it from the timer for good.
    protected void Unregister() => timer?.Unregister(this);

    private void MarkUsed()
    {
        if (timer is { IsStarted: false } && CommittedBytes <= timer.StartBytes)
        {
            return;
        }

        Interlocked.Exchange(ref _isUsed, 1);
        if (!IsDueSoon)
        {
            timer?.Schedule(this, IntervalMs);
        }
    }
}

// A heap's part of the timer's list of scheduled heaps, which refers to them strongly.
internal struct TimerEntry
{
    public bool IsListed;
    public DecayTarget? Next;
    public DecayTarget? Previous;

    // When it is due, in the timer's milliseconds.
    public long DueMs;

    // How many of its last runs have failed in a row.
    public int FailuresInARow;

    // Whether it was unregistered.
    public bool IsGone;
}

// A heap's entry in the timer's list of all heaps, which does not keep the heap alive. Created before the timer's lock
// is taken, since nothing is allocated under it. Next is guarded by that lock.
internal sealed class WeakLink(DecayTarget heap)
{
    private readonly WeakReference<DecayTarget> _heap = new(heap);

    public WeakLink? Next { get; set; }

    // Null if the heap was unregistered or collected. Under the timer's lock.
    public DecayTarget? Heap => _heap.TryGetTarget(out DecayTarget? heap) && !heap.Entry.IsGone ? heap : null;
}
