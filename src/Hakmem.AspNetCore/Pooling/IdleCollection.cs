namespace Hakmem.AspNetCore.Pooling;

// When a store that has given up its last memory asks for a garbage collection: what it has given up since the last one has to be worth the
// pause. What was given up before a collection is not counted, whoever asked for that: it was taken then. Not thread-safe: the store's
// lock guards it.
internal sealed class IdleCollection(bool? wanted)
{
    // What dropped arrays have to come to before a garbage collection is worth its pause.
    private const long CollectableBytes = 1 << 20;

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

    // In a managed heap of so many bytes, what was given up included. To be asked right after an addition.
    public bool IsDue(long heapBytes) =>
        _bytes >= CollectableBytes && (wanted ?? (heapBytes < SmallHeapBytes || _bytes >= heapBytes / WorthwhilePart));
}
