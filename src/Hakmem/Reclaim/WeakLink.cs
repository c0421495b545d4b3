using System;

namespace Hakmem.Reclaim;

// A heap's place in the timer's list of all heaps, which does not keep the heap alive. Made before the timer's lock is
// taken, since nothing is allocated under it. Owned by the timer, under its lock.
internal sealed class WeakLink(DecayTarget heap)
{
    private readonly WeakReference<DecayTarget> _heap = new(heap);

    public WeakLink? Next { get; set; }

    // Null if the heap has left or was collected.
    public DecayTarget? Heap => _heap.TryGetTarget(out DecayTarget? heap) && !heap.IsGone ? heap : null;
}
