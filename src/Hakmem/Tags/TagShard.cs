using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;
using Hakmem.Records;

namespace Hakmem.Tags;

// One thread's part of a ledger's figure: the bytes that it has added and subtracted since it last passed them on to
// the ledger. A thread subtracts from its own shard whoever allocated the block, so one shard may be negative.
//
// Written by the thread that has the shard's number, read by anyone who adds figures up. See RentalShard for why a
// shard passes on to the next thread with that number.
//
// It also leads to the thread's cache of the tagged heap, so that the steady state looks up one thing.
internal sealed unsafe class TagShard(TagLedger ledger)
{
    // No record has this number.
    private const long Detached = 0;

    // A shard passes on what it has when it reaches this many bytes, in either direction. So a tag's peak is exact to
    // as much for each thread.
    public const long MaxPendingBytes = 64 << 10;

    private long _pending;

    // The thread's cache of the tagged heap, and ThreadCache.PeerChanges of before that was looked up: valid while the
    // two numbers are the same. Written under the ledger's lock, by the thread, and by those that close the tag or try
    // to dispose the heap, which then run a process-wide barrier or let a use that has begun succeed.
    private ThreadCache* _cache;
    private long _peerChanges = Detached;

    // The largest value of _pending since it was passed on, plus MaxPendingBytes: so one compare tells whether
    // _pending is above it or below -MaxPendingBytes.
    private long _mostPending = MaxPendingBytes;

    // Keeps a shard that another thread writes out of this one's cache line.
#pragma warning disable CS0169, IDE0051 // Only its size matters.
    private readonly Gap _gap;
#pragma warning restore CS0169, IDE0051

    public long Pending => Volatile.Read(ref _pending);

    public long MostPending => Volatile.Read(ref _mostPending) - MaxPendingBytes;

    // Whether Cache is the calling thread's, given its cache of the shared heap.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsAttached(ThreadCache* shared) => _peerChanges == shared->PeerChanges;

    // While it is attached.
    public ThreadCache* Cache => _cache;

    // Under the ledger's lock, on the shard's thread.
    public void Attach(ThreadCache* cache, long peerChanges)
    {
        _cache = cache;
        _peerChanges = peerChanges;
    }

    // Under the ledger's lock, on any thread.
    public void Detach() => Volatile.Write(ref _peerChanges, Detached);

    // Adds bytes, of which there may be fewer than none. False if Settle has to follow.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryAdd(long bytes)
    {
        long pending = _pending + bytes;
        _pending = pending;
        return (ulong)(pending + MaxPendingBytes) <= (ulong)_mostPending;
    }

    // Adds bytes, of which there may be fewer than none.
    public void Add(long bytes)
    {
        if (!TryAdd(bytes))
        {
            Settle();
        }
    }

    // Notes a new peak, and passes on what has reached a bound.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Settle()
    {
        long pending = _pending;
        if (pending > MostPending)
        {
            Volatile.Write(ref _mostPending, pending + MaxPendingBytes);
            if (pending < MaxPendingBytes)
            {
                return;
            }
        }

        // The shard comes first here, and last in TagLedger.LiveBytes: no reading counts freed bytes twice.
        ledger.NotePeak(MostPending);
        Volatile.Write(ref _mostPending, MaxPendingBytes);
        Volatile.Write(ref _pending, 0);
        ledger.AddShared(pending);
    }

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Gap
    {
    }
}
