namespace Hakmem.AspNetCore.Pooling;

// When a store that has given up memory asks for a garbage collection: what it has given up since the last one has to
// be worth the pause. What was given up before a collection is not counted, whoever asked for that: it was taken then.
//
// It asks by what was given up, not by what is still rented: one idle connection may hold a block for days. With blocks
// still out it waits until the pool has settled, so that the memory of a peak costs one collection and not one for each
// step that gives some of it up.
//
// Not thread-safe: the store's lock guards it. Nothing here allocates or throws.
internal sealed class IdleCollection(bool? wanted)
{
    // What dropped arrays have to come to before a garbage collection is worth its pause: where nothing is rented, and
    // where the pool is in use, whose requests the pause then holds up.
    private const long CollectableBytes = 1 << 20;
    private const long CollectableBytesInUse = 16 << 20;

    // A pool in use has settled when a step gives up less than this part of what it has given up in all.
    private const int SettledPart = 8;

    // A collection is short for what it brings where the managed heap is smaller than this, or this part of it was the pool's.
    private const long SmallHeapBytes = 64 << 20;
    private const int WorthwhilePart = 4;

    private long _bytes;

    // How many collections there had been when the last bytes were given up.
    private int _collections;

    // The collections are those of the oldest generation, which the pinned heap's arrays go with.
    public void Add(long bytes, int collections)
    {
        _bytes = collections == _collections ? _bytes + bytes : bytes;
        _collections = collections;
    }

    // At the end of a step, which gave up so many bytes of those that were added. What the pool still holds, and the
    // managed heap, are in bytes, and what was given up is still in the latter. If it is due, what was given up counts
    // as taken from now on.
    public bool TakeIfDue(long stepBytes, long heldBytes, long heapBytes, int collections)
    {
        bool isDue = collections == _collections && IsEnough(stepBytes, heldBytes) && IsWorthIt(heldBytes, heapBytes);
        _bytes = isDue ? 0 : _bytes;
        return isDue;
    }

    // With blocks still out: as much as remains at least, so that each collection after one peak finds half of the
    // memory or less.
    private bool IsEnough(long stepBytes, long heldBytes) =>
        _bytes >= CollectableBytes && (heldBytes == 0 || (_bytes >= heldBytes && stepBytes <= _bytes / SettledPart));

    private bool IsWorthIt(long heldBytes, long heapBytes) => wanted ??
        ((heldBytes == 0 || _bytes >= CollectableBytesInUse) && (heapBytes < SmallHeapBytes || _bytes >= heapBytes / WorthwhilePart));
}
