using System.Threading;

namespace Hakmem.Small;

// What all depots of a heap together may hold in full magazines. A program whose sizes change over time would otherwise leave every
// depot it ever used filled to its own limit.
//
// Thread-safe without a lock: the sum is kept by atomic additions, and reading it a moment late drains one depot too few or too many.
internal sealed class DepotBudget
{
    private const long MaxBytes = 32L << 20;

    private long _bytes;
    private int _hand;

    public bool IsExceeded => Volatile.Read(ref _bytes) > MaxBytes;

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);

    // Empties depots in turn, other than the one in use, until the sum is within the limit. Gives the address of a block found free
    // already, or 0. Under no lock.
    public nuint FlushExcess(DepotSet depots, int inUse)
    {
        nuint corruptAddress = 0;
        for (int step = 0; step < depots.Count && IsExceeded; step++)
        {
            int index = (int)((uint)Interlocked.Increment(ref _hand) % (uint)depots.Count);
            nuint found = index == inUse ? 0 : depots.Find(index)?.FlushAll() ?? 0;
            corruptAddress = found != 0 ? found : corruptAddress;
        }

        return corruptAddress;
    }
}
