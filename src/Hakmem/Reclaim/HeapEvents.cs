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
    private SlabFigures _told;

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
        SlabFigures before;
        SlabFigures now;
        long committedBytes;
        using (superSlabs.SyncRoot.Enter())
        {
            before = _told;
            now = new SlabFigures(
                superSlabs.GrownSlabs, superSlabs.ReturnedSlabs, superSlabs.PurgedBytes, superSlabs.PurgeCalls);
            committedBytes = superSlabs.CommittedBytes;
            _told = now;
        }

        int heap = superSlabs.HeapSlot;
        if (now.Grown != before.Grown)
        {
            HakmemEventSource.TellCommitted(heap, now.Grown - before.Grown, committedBytes);
        }

        if (now.PurgeCalls != before.PurgeCalls)
        {
            HakmemEventSource.TellPurged(
                heap, now.PurgedBytes - before.PurgedBytes, now.PurgeCalls - before.PurgeCalls);
        }

        if (now.Returned != before.Returned)
        {
            HakmemEventSource.TellReleased(heap, now.Returned - before.Returned, committedBytes);
        }
    }

    private readonly record struct SlabFigures(long Grown, long Returned, long PurgedBytes, long PurgeCalls);
}
