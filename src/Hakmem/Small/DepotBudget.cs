using System.Threading;

namespace Hakmem.Small;

// Bounds the bytes of blocks in full magazines over all depots of a heap. A program whose sizes change over time would
// otherwise leave each depot that it ever used filled to its own limit.
//
// Thread-safe by atomic additions: a stale reading of the sum flushes one depot too few or too many.
internal sealed class DepotBudget
{
    private const long MaxBytes = 32L << 20;

    private long _bytes;
    private int _nextDepot;

    public bool IsExceeded => Volatile.Read(ref _bytes) > MaxBytes;

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);

    // Flushes depots in turn, except the one in use, until the sum is within the limit. Returns the address of a block
    // found free already, or 0. Called under no lock.
    public nuint FlushExcess(DepotSet depots, int inUse)
    {
        nuint corruptAddress = 0;
        for (int step = 0; step < depots.Count && IsExceeded; step++)
        {
            int index = (int)((uint)Interlocked.Increment(ref _nextDepot) % (uint)depots.Count);
            nuint found = index == inUse ? 0 : depots.Find(index)?.FlushAll() ?? 0;
            corruptAddress = found != 0 ? found : corruptAddress;
        }

        return corruptAddress;
    }
}
