using Hakmem.Reclaim;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Reclaim;

// The two steps of a notification and the two of the timer (see DecayTarget), each pair with all of the other between
// its halves: the orders by which DecayNotifyModel finds each slip, forced on the code itself.
public sealed class DecayOrderTests
{
    private const long Ages = 3_600_000;

    private readonly ManualTime _time = new();
    private readonly DecayTimer _timer;

    public DecayOrderTests() => _timer = new DecayTimer(_time, () => false, observesCollections: false);

#if DEBUG
    [Fact]
    public void EntryWithoutTheTimersLockThrows()
    {
        ScriptedHeap heap = new(_timer);
        Assert.Throws<System.Threading.SynchronizationLockException>(() => (object)heap.Entry.IsListed);
        Assert.Throws<System.Threading.SynchronizationLockException>(() => heap.IsDueSoon = true);
    }
#endif

    // Fails if IsDueSoon is read before IsUsed is written: the run finds no use and removes the heap, and no thread
    // calls the timer.
    [Fact]
    public void RunWhileIsDueSoonIsReadLosesNoNotification()
    {
        foreach (bool isBefore in new[] { true, false })
        {
            ScriptedHeap heap = new(_timer);
            heap.NotifyUsed();
            _time.Advance(ScriptedHeap.Interval);
            Assert.True(heap.IsDueSoon);
            Assert.False(heap.IsUsed);
            bool isRead = false;
            void DecayOne()
            {
                isRead = true;
                _time.Advance(ScriptedHeap.Interval);
            }

            heap.BeforeDueSoonIsRead = isBefore ? DecayOne : null;
            heap.AfterDueSoonIsRead = isBefore ? null : DecayOne;
            heap.NotifyUsed();
            Assert.True(isRead);
            _time.Advance(ScriptedHeap.Interval);
            _time.Advance(Ages);
            Assert.False(heap.IsUsed, "The touch was never looked at.");
            Assert.False(_timer.IsArmed);
        }
    }

    // Fails if the timer does not look again whether the heap was touched after it has let go of it.
    [Fact]
    public void NotificationBetweenRunAndRescheduleIsNotLost()
    {
        ScriptedHeap heap = new(_timer);
        heap.NotifyUsed();
        _time.Advance(ScriptedHeap.Interval);

        // The second look finds nothing and is about to let it rest; the touch sees that the timer still has it.
        heap.OnRun = () =>
        {
            heap.OnRun = null;
            heap.NotifyUsed();
        };
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(2, heap.Runs);
        Assert.True(heap.IsUsed);
        Assert.True(_timer.IsArmed, "The heap was touched, and nobody is going to look.");
        _time.Advance(ScriptedHeap.Interval);
        Assert.True(heap.WasUsed);
        _time.Advance(Ages);
        Assert.False(_timer.IsArmed);
    }

    // The same where the look is put off instead of dropped.
    [Fact]
    public void NotificationBeforeALongDelayIsRunSoon()
    {
        LongResting heap = new(_timer);
        heap.NotifyUsed();
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(1, heap.Runs);
        Assert.True(heap.IsUsed);
        _time.Advance(ScriptedHeap.Interval);
        Assert.Equal(2, heap.Runs);
        Assert.False(heap.IsUsed);
    }

    private sealed class LongResting : DecayTarget
    {
        public LongResting(DecayTimer timer)
            : base(timer) => Register();

        public int Runs { get; private set; }

        public override long CommittedBytes => 1;

        public override long IntervalMs => ScriptedHeap.Interval;

        public override long Decay(bool isMemoryShort)
        {
            TakeUsed();
            if (Runs++ == 0)
            {
                NotifyUsed();
            }

            return Ages;
        }
    }
}
