namespace Hakmem.AspNetCore.Pooling;

// Decides when a store that has released memory asks for a garbage collection: the memory released since the last
// collection has to be worth the pause. Whatever caused that collection, it took what was released before.
//
// The decision is based on what was released, not on what is still rented: one idle connection may hold a block for
// days. With blocks rented it waits until the pool has settled, so that the memory of a peak costs one collection, and
// not one for each step.
//
// Not thread-safe: the store's lock guards it. Nothing here allocates or throws.
internal sealed class IdleCollection(bool? wanted)
{
    // The released bytes that are worth the pause of a collection: if nothing is rented, and if the pool is in use, so
    // that the pause delays requests.
    public const long CollectableBytes = 1 << 20;
    private const long CollectableBytesInUse = 16 << 20;

    // A pool in use has settled when a step releases no more than this part of what was released in all.
    private const int SettledPart = 8;

    // The pause is short for what it brings if the managed heap is smaller than this, or this part of it was the
    // pool's.
    private const long SmallHeapBytes = 64 << 20;
    private const int WorthwhilePart = 4;

    private long _bytes;

    // The number of collections when the last bytes were released.
    private int _collections;

    // Collections are those of the oldest generation, which collect the arrays of the pinned object heap.
    public void Add(long bytes, int collections)
    {
        _bytes = collections == _collections ? _bytes + bytes : bytes;
        _collections = collections;
    }

    // At the end of a step, which released so many of the bytes that were added. The other sizes are of what the pool
    // still holds, and of the managed heap including what was released. If a collection is due, it counts as made.
    public bool TakeIfDue(long stepBytes, long heldBytes, long heapBytes, int collections)
    {
        bool isDue = collections == _collections && IsEnough(stepBytes, heldBytes) && IsWorthIt(heldBytes, heapBytes);
        _bytes = isDue ? 0 : _bytes;
        return isDue;
    }

    // With blocks rented: at least as much as remains, so that after one peak each collection finds half of the memory
    // or less.
    private bool IsEnough(long stepBytes, long heldBytes) =>
        _bytes >= CollectableBytes && (heldBytes == 0 || (_bytes >= heldBytes && stepBytes <= _bytes / SettledPart));

    private bool IsWorthIt(long heldBytes, long heapBytes) => wanted ??
        ((heldBytes == 0 || _bytes >= CollectableBytesInUse) &&
            (heapBytes < SmallHeapBytes || _bytes >= heapBytes / WorthwhilePart));
}
