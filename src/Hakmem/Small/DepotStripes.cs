using System.Threading;
using Hakmem.Pages;

namespace Hakmem.Small;

// The stripes of a depot: one, until a thread of another one allocates; then as many as there may be, a power of two,
// of which the first is still the same. So a heap for one request does not pay for lists that no thread uses.
//
// Thread-safe: an array is written whole before it is published (compare and exchange) and never changes; it is read
// with acquire.
internal sealed class DepotStripes(DepotStripe first, MetadataAllocator metadata, int most)
{
    private DepotStripe[] _all = [first];

    public DepotStripe[] All => Volatile.Read(ref _all);

    public int Count => All.Length;

    // The stripe of the cache with a number.
    public DepotStripe this[int thread]
    {
        get
        {
            DepotStripe[] all = All;
            return all[thread & (all.Length - 1)];
        }
    }

    // The number of that stripe, once there are all.
    public int NumberOf(int thread) => thread & (most - 1);

    // Makes sure that a thread that allocates has a stripe. Called under no lock, since it allocates managed memory,
    // which may throw: then nothing has changed. Before, a thread that only frees uses the first stripe.
    public void Prepare(int thread)
    {
        DepotStripe[] before = All;
        if (before.Length == most || NumberOf(thread) == 0)
        {
            return;
        }

        DepotStripe[] all = new DepotStripe[most];
        all[0] = before[0];
        for (int i = 1; i < all.Length; i++)
        {
            all[i] = DepotStripe.Create(metadata);
        }

        // If another thread was first, its stripes are the depot's.
        Interlocked.CompareExchange(ref _all, all, before);
    }
}
