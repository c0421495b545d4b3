using System.Threading;
using Hakmem.Pooling;

namespace Hakmem;

// One thread's part of a pool: its idle owners and its share of the figures.
//
// A counter that all threads write would cost each rental two interlocked operations on a contended cache line. Here a
// thread adds to its own counters, whichever thread rented what it returns. So a shard may have more returns than
// rentals; the difference of the sums is right.
//
// A shard belongs to a thread's cache of the shared heap. When the thread has ended, the next thread that takes over
// the cache takes over the shard, and sees what the ended thread wrote last (see ThreadCacheRegistry).
internal sealed class RentalShard(OwnerDepot depot) : OwnerCache(depot)
{
    // Written by the shard's thread, read by anyone who adds figures up: words, so never torn, and recent.
    private long _rentals;
    private long _rentalBytes;
    private long _returns;
    private long _returnBytes;

    public long Rentals => Volatile.Read(ref _rentals);

    public long RentalBytes => Volatile.Read(ref _rentalBytes);

    public long Returns => Volatile.Read(ref _returns);

    public long ReturnBytes => Volatile.Read(ref _returnBytes);

    public void AddRental(long bytes)
    {
        _rentals++;
        _rentalBytes += bytes;
    }

    public void AddReturn(long bytes)
    {
        _returns++;
        _returnBytes += bytes;
    }
}
