using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading;

namespace Hakmem.Tags;

// One thread's part of a ledger's figure: the bytes that it has added and subtracted since it last passed them on to
// the ledger. A thread subtracts from its own shard whoever allocated the block, so one shard may be negative.
//
// Written by the thread that has the shard's number, read by anyone who adds figures up. See RentalShard for why a
// shard passes on to the next thread with that number.
internal sealed class TagShard(TagLedger ledger)
{
    // A shard passes on what it has when it reaches this many bytes, in either direction. So a tag's peak is exact to
    // as much for each thread.
    public const long MaxPendingBytes = 64 << 10;

    private long _pending;

    // The largest value of _pending since it was passed on.
    private long _mostPending;

    // Keeps a shard that another thread writes out of this one's cache line.
#pragma warning disable CS0169, IDE0051 // Only its size matters.
    private readonly Gap _gap;
#pragma warning restore CS0169, IDE0051

    public long Pending => Volatile.Read(ref _pending);

    public long MostPending => Volatile.Read(ref _mostPending);

    // Adds bytes, of which there may be fewer than none.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(long bytes)
    {
        long pending = _pending + bytes;
        _pending = pending;
        if (pending > _mostPending || pending < -MaxPendingBytes)
        {
            Settle(pending);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Settle(long pending)
    {
        if (pending > _mostPending)
        {
            Volatile.Write(ref _mostPending, pending);
            if (pending < MaxPendingBytes)
            {
                return;
            }
        }

        // The shard comes first here, and last in TagLedger.LiveBytes: no reading counts freed bytes twice.
        ledger.NotePeak(_mostPending);
        Volatile.Write(ref _mostPending, 0);
        Volatile.Write(ref _pending, 0);
        ledger.AddShared(pending);
    }

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Gap
    {
    }
}
