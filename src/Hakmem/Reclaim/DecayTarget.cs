using System;
using System.Threading;

namespace Hakmem.Reclaim;

// Something whose memory comes back with time: a heap. The timer that it is in looks at it when it is due.
//
// Waking costs the caller a load while the timer looks at it soon anyway. The order that makes no wake-up lost: who touches says so, then looks
// whether the timer will look soon; the timer drops it, or puts it off, then looks whether it was touched; with a full fence between the two on
// either side. DecayNotifyModel has every order of these steps, and DecayOrderTests forces the two that matter on this code.
// Without a timer nothing decays.
internal abstract class DecayTarget(DecayTimer? timer)
{
    // 1 if touched since the last look. Written by any thread, cleared by TakeUsed on the timer's thread or under its lock; interlocked.
    private int _isUsed;

    // Whether the timer will look within the interval. Written under the timer's lock, read by Touch without.
    private volatile bool _isDueSoon;

    // How many looks failed, and the exception of the last one. Written by the timer's thread and by whoever was
    // refused the timer: the exception first, with release; read by statistics, which may see an exception that is not
    // counted yet.
    private long _failedLooks;
    private Exception? _lastFailure;

    // Its place in the timer's list of heaps that are due some time; all three guarded by the timer's lock. The list
    // holds it strongly.
    public bool IsListed { get; set; }

    public DecayTarget? NextListed { get; set; }

    public DecayTarget? PreviousListed { get; set; }

    // The next that is looked at in the same turn. Belongs to the timer's thread.
    public DecayTarget? NextInTurn { get; set; }

    // How many looks in a row have failed up to now. Guarded by the timer's lock.
    public int FailuresInARow { get; set; }

    // Virtual so that a test can do what another thread may do just before or after it is read.
    public virtual bool IsDueSoon
    {
        get => _isDueSoon;
        set => _isDueSoon = value;
    }

    // When it is due, in the timer's milliseconds. Guarded by the timer's lock.
    public long Due { get; set; }

    // Whether it has left the timer for good. Guarded by the timer's lock.
    public bool IsGone { get; set; }

    public bool IsUsed => Volatile.Read(ref _isUsed) != 0;

    // Looks that threw, or could not be made because the system refused a timer.
    public long FailedLooks => Interlocked.Read(ref _failedLooks);

    // What the last of them threw; null if there was none.
    public Exception? LastFailure => Volatile.Read(ref _lastFailure);

    // How many bytes it has committed, give or take what other threads are about.
    public abstract long CommittedBytes { get; }

    // How long after a touch the timer looks.
    public abstract long IntervalMs { get; }

    // Gives back what has been unused for long enough, or everything unused if memory is short. Gives how many
    // milliseconds after it began it wants to be looked at again, or -1 if not before it is touched. On the timer's
    // thread, under no lock. It may throw: then it is looked at again later.
    public abstract long Decay(bool isMemoryShort);

    // Says that something was used or freed. After the fact, so that the look that comes sees it. Never throws, and
    // makes no managed object: the caller may have a block in hand that nobody else knows of.
    public void NotifyUsed()
    {
        if (!IsUsed)
        {
            MarkUsed();
        }
    }

    // As if it had not been touched, and were not going to be looked at: the next touch wakes the timer.
    public void ClearUsed()
    {
        IsDueSoon = false;
        TakeUsed();
    }

    public void RecordFailure(Exception failure)
    {
        Volatile.Write(ref _lastFailure, failure);
        Interlocked.Increment(ref _failedLooks);
    }

    // Whether it was touched since the last time.
    protected bool TakeUsed() => Interlocked.Exchange(ref _isUsed, 0) != 0;

    // Lets the timer know of it, once, before the first touch. Until the timer has started, that is all it knows of
    // heaps that are small.
    public void Register() => timer?.Register(new WeakLink(this));

    // Takes it out of the timer for good.
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
