using Hakmem.Events;
using Hakmem.Os;
using Hakmem.Pages;

namespace Hakmem.Reclaim;

// Tells listeners of the event source what has happened to a heap's SuperSlabs since it last did. Its layers count that
// under their locks, where no event may be raised; slow paths and decay passes call Tell under no lock. What happened
// before a listener came is part of its first event.
//
// Thread-safe: SuperSlabCache.SyncRoot guards the figures, so each change is told once.
internal sealed class HeapEvents(SuperSlabCache superSlabs)
{
    // What was told so far.
    private long _grownSlabs;
    private long _returnedSlabs;
    private long _purgedBytes;
    private long _purgeCalls;

    public void Tell()
    {
        // What is not told now is told with the next change.
        if (EventListening.IsOn && !Callouts.AreDeferred)
        {
            TellChanges();
        }
    }

    private void TellChanges()
    {
        long grown;
        long returned;
        long purgedBytes;
        long purgeCalls;
        long committedBytes;
        using (superSlabs.SyncRoot.Enter())
        {
            grown = Difference(superSlabs.GrownSlabs, ref _grownSlabs);
            returned = Difference(superSlabs.ReturnedSlabs, ref _returnedSlabs);
            purgedBytes = Difference(superSlabs.PurgedBytes, ref _purgedBytes);
            purgeCalls = Difference(superSlabs.PurgeCalls, ref _purgeCalls);
            committedBytes = superSlabs.CommittedBytes;
        }

        int heap = superSlabs.HeapSlot;
        if (grown != 0)
        {
            HakmemEventSource.TellCommitted(heap, grown, committedBytes);
        }

        if (purgeCalls != 0)
        {
            HakmemEventSource.TellPurged(heap, purgedBytes, purgeCalls);
        }

        if (returned != 0)
        {
            HakmemEventSource.TellReleased(heap, returned, committedBytes);
        }
    }

    // How much a figure has grown since it was told; then it counts as told.
    private static long Difference(long now, ref long told)
    {
        long difference = now - told;
        told = now;
        return difference;
    }
}
