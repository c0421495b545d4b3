using System;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Pooling;

// What a pool's threads share of its owners: batches of idle ones, and the count of late disposals. See OwnerCache.
//
// Thread-safe. The lock guards both stacks.
internal sealed class OwnerDepot(bool recycles)
{
    // A ring that holds no more than the quarantine has room for a batch, and a full ring that gave one away still
    // holds more than the quarantine.
    private const int BatchSize = 24;

    private readonly UninterruptibleLock _lock = new();
    private BatchStack _full;
    private BatchStack _empty;

    // Added to by interlocked operations, on any thread.
    private long _lateDisposeCount;

    // Whether the pool's owners are used again.
    public bool Recycles => recycles;

    public long LateDisposeCount => Interlocked.Read(ref _lateDisposeCount);

    // How many idle owners no thread has in its ring. For tests.
    public int OwnerCount
    {
        get
        {
            using (_lock.Enter())
            {
                return _full.Count * BatchSize;
            }
        }
    }

    // An owner was disposed that is not rented. A new object for each rental makes that harmless, as after `using`, so
    // it is not counted there.
    public void CountLateDispose()
    {
        if (recycles)
        {
            Interlocked.Increment(ref _lateDisposeCount);
        }
    }

    // Takes a full or an empty batch; null if there is none.
    public Batch? Take(bool isFull)
    {
        using (_lock.Enter())
        {
            return (isFull ? ref _full : ref _empty).Pop();
        }
    }

    public void Put(Batch batch, bool isFull)
    {
        using (_lock.Enter())
        {
            (isFull ? ref _full : ref _empty).Push(batch);
        }
    }

    // Takes an empty batch or creates one; null if there is no managed memory for that.
    public Batch? TakeEmptyOrCreate()
    {
        try
        {
            return Take(isFull: false) ?? new Batch();
        }
        catch (OutOfMemoryException)
        {
            return null;
        }
    }

    // Leaves to the garbage collector what no thread needed since the last call, or everything.
    public void Trim(bool onlyUnneeded)
    {
        using (_lock.Enter())
        {
            _full.Trim(onlyUnneeded);
            _empty.Trim(onlyUnneeded);
        }
    }

    internal sealed class Batch
    {
        // All of them set in a full batch, all of them null in an empty one.
        public object?[] Owners { get; } = new object?[BatchSize];

        // The next batch of the same stack.
        public Batch? Next { get; set; }
    }

    // Not thread-safe: the depot's lock guards it.
    private struct BatchStack
    {
        private Batch? _top;

        // The low-water mark of Count since the last Trim: that many batches were not needed.
        private int _low;

        public int Count { get; private set; }

        public void Push(Batch batch)
        {
            batch.Next = _top;
            _top = batch;
            Count++;
        }

        public Batch? Pop()
        {
            Batch? batch = _top;
            if (batch is not null)
            {
                _top = batch.Next;
                batch.Next = null;
                Count--;
                _low = Math.Min(_low, Count);
            }

            return batch;
        }

        public void Trim(bool onlyUnneeded)
        {
            for (int most = onlyUnneeded ? _low : Count; most > 0; most--)
            {
                Pop();
            }

            _low = Count;
        }
    }
}
