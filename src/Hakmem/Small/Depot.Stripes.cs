using System.Threading;
using Hakmem.Records;

namespace Hakmem.Small;

// What a thread takes of the stripes: first of its own; if that has nothing, of what others offer, before it asks the
// spans; and whatever there is, before it goes without memory. So a thread that only frees serves one that only
// allocates, by whole magazines. (Taking what others keep before a span is made left all stripes short: of 64 simulated
// processors 15 % worked, not 95.)
//
// A stripe keeps as many blocks as a processor's cache may still hold. It offers what it has beyond that once that is
// more than two magazines, and then up to three are taken at a time: one for the thread, the others for its stripe. The
// search costs a line of each stripe that it looks at, so with one magazine at a time a processor of 64 that passed on
// blocks of 4 KiB spent a third of its time on it.
internal sealed unsafe partial class Depot
{
    // What a stripe keeps from the threads of others: what the second-level cache of a processor may hold.
    private const int OwnBytes = 256 << 10;

    // The most magazines that are taken at a time, and how many a stripe must have beyond its own to offer any. (With
    // four and three, of 16 processors that pass on blocks of 4 KiB half had to wait in two runs of three.)
    private const int MaxTaken = 3;
    private const int OfferedBeyond = 2;

    // Large blocks are exchanged so seldom that each magazine may be taken alone, and none is kept from others.
    private bool OffersMany => !_isCounted && _stripes.Count > 1;

    // Takes a full magazine, or some of its blocks, from a thread's stripe; null if it has none. Under its lock.
    private Magazine* TakeFull(DepotStripe stripe, int thread, Magazine* empty, int wanted)
    {
        long before = stripe.Blocks;
        Magazine* magazine = stripe.TryTake(empty, wanted);
        CountFull(stripe.Blocks - before, thread);
        return magazine;
    }

    // Takes what another stripe offers: a magazine, and more for the caller's stripe. As many empty ones, of which the
    // caller has taken some out of its stripe (spare), go where the full ones come from. On the way no stripe counts
    // the blocks: a reading meanwhile takes them for live, as those of the magazine that the thread gets.
    private Magazine* TryTakeOffered(int thread, Magazine* empty, int wanted, Magazine* spare) =>
        TryTakeElsewhere(thread, empty, wanted, _ownBlocks + (OfferedBeyond * _refillBlocks), MaxTaken - 1, spare);

    // Takes a full magazine from a stripe that has more than some blocks, and more of them if wanted. The empty ones
    // stay there, where the next full one will come from: the search begins with the stripe that had one last.
    private Magazine* TryTakeElsewhere(
        int thread, Magazine* empty, int wanted, long beyond, int moreWanted = 0, Magazine* spare = null)
    {
        DepotStripe own = _stripes[thread];
        Magazine* taken = null;
        Magazine* more = null;

        // Large blocks are exchanged few at a time, so a look at every stripe would be dear.
        int count = _isCounted && Volatile.Read(ref _counted) <= beyond ? 0 : _stripes.Count;
        int first = own.Supplier;
        for (int look = 0; look < count && taken == null; look++)
        {
            DepotStripe other = _stripes[first + look];
            if (other != own && other.BlocksSeen > beyond)
            {
                using (other.Lock.Enter())
                {
                    long before = other.Blocks;
                    taken = other.TryTake(empty, wanted);
                    if (taken != null)
                    {
                        more = other.DetachBeyond(_ownBlocks, moreWanted);
                        other.PutAll(spare);
                        spare = null;
                    }

                    CountFull(other.Blocks - before, first + look);
                }

                own.Supplier = first + look;
            }
        }

        if (more != null || spare != null)
        {
            using (own.Lock.Enter())
            {
                long before = own.Blocks;
                own.PutAll(more);
                own.PutAll(spare);
                CountFull(own.Blocks - before, thread);
            }
        }

        return taken;
    }

    private void* TryTakeBlock(DepotStripe stripe, int thread)
    {
        using (stripe.Lock.Enter())
        {
            void* block = stripe.TryTakeBlock();
            CountFull(block == null ? 0 : -1, thread);
            return block;
        }
    }
}
