using System;

namespace Hakmem.Decay;

// A heap's place in the timer's list of all heaps, which does not keep the heap alive. Made before the timer's lock is
// taken, since nothing is allocated under it. Owned by the timer, under its lock.
internal sealed class WeakLink(Decaying heap)
{
    private readonly WeakReference<Decaying> _heap = new(heap);

    public WeakLink? Next { get; set; }

    // Null if the heap has left or was collected.
    public Decaying? Heap => _heap.TryGetTarget(out Decaying? heap) && !heap.IsGone ? heap : null;
}
