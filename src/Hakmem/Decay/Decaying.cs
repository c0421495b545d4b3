using System.Threading;

namespace Hakmem.Decay;

// Something whose memory comes back with time: a heap. The timer that it is in looks at it when it is due.
//
// Waking costs the caller a load while the timer looks at it soon anyway. The order that makes no wake-up lost: who touches says so, then looks
// whether the timer will look soon; the timer drops it, or puts it off, then looks whether it was touched; with a full fence between the two on
// either side.
// Without a timer nothing decays.
internal abstract class Decaying(DecayTimer? timer)
{
    // 1 if touched since the last look. Written by any thread, cleared by TakeTouch on the timer's thread or under its lock; interlocked.
    private int _isTouched;

    // Whether the timer will look within the interval. Written under the timer's lock, read by Touch without.
    private volatile bool _isDueSoon;

    // Whether the timer has it. Guarded by the timer's lock.
    public bool IsListed { get; set; }

    public bool IsDueSoon
    {
        get => _isDueSoon;
        set => _isDueSoon = value;
    }

    // When it is due, in the timer's milliseconds. Guarded by the timer's lock.
    public long Due { get; set; }

    // Whether the timer has ever had it, and whether it has left for good. Guarded by the timer's lock.
    public bool IsKnown { get; set; }

    public bool IsGone { get; set; }

    public bool IsTouched => Volatile.Read(ref _isTouched) != 0;

    // How many bytes it has committed, give or take what other threads are about.
    public abstract long CommittedBytes { get; }

    // How long after a touch the timer looks.
    public abstract long IntervalMs { get; }

    // Gives back what has been unused for long enough, or everything unused if memory is short. Gives how many milliseconds after it began it
    // wants to be looked at again, or -1 if not before it is touched. On the timer's thread, under no lock.
    public abstract long Decay(bool isMemoryShort);

    // Says that something was used or freed. After the fact, so that the look that comes sees it.
    public void Touch()
    {
        if (!IsTouched)
        {
            MarkTouched();
        }
    }

    // As if it had not been touched, and were not going to be looked at: the next touch wakes the timer.
    public void ForgetTouch()
    {
        _isDueSoon = false;
        TakeTouch();
    }

    // Whether it was touched since the last time.
    protected bool TakeTouch() => Interlocked.Exchange(ref _isTouched, 0) != 0;

    // Lets the timer know of it. Until the timer has started, that is all it knows of heaps that are small.
    public void Join() => timer?.Join(this);

    // Takes it out of the timer for good.
    protected void Leave() => timer?.Remove(this);

    private void MarkTouched()
    {
        if (timer is { IsStarted: false } && CommittedBytes <= timer.StartBytes)
        {
            return;
        }

        Interlocked.Exchange(ref _isTouched, 1);
        if (!_isDueSoon)
        {
            timer?.Wake(this, IntervalMs);
        }
    }
}
