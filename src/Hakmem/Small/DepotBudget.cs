using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Small;

// Bounds the bytes of blocks in full magazines over all depots of a heap. A program whose sizes change over time would
// otherwise leave each depot that it ever used filled to its own limit.
//
// Each stripe of threads counts in a cell of its own, so that no word is written by all threads. The cells are added up
// once a cell has grown by its share of an eighth of the limit since it was last looked at: so all of them together may
// exceed the limit by that eighth. With one cell the limit is exact. For each stripe beyond twelve the limit is 2 MiB
// more, so that one class does not use it up.
//
// Thread-safe by atomic additions: a stale reading of a cell flushes one depot too few or too many.
internal sealed partial class DepotBudget(int cellCount = 1)
{
    private const long MaxBytes = 24L << 20;
    private const long MaxBytesPerCell = 2L << 20;

    // Two cache lines, since lines are fetched in pairs: the sum, and what it was when all cells were last added up.
    private const int CellWords = 16;
    private const int CheckedAt = 1;

    private readonly long[] _cells = new long[(cellCount + 2) * CellWords];
    private readonly long _worthwhile = cellCount == 1 ? 0 : LimitOf(cellCount) / (8 * cellCount);
    private readonly long _limit = LimitOf(cellCount);
    private int _nextDepot;

    // Whether the sum exceeds the limit, as far as the cell of a stripe gives reason to look.
    public bool IsExceededSince(int stripe)
    {
        ref long cell = ref CellOf(stripe);
        ref long last = ref _cells[PlaceOf(stripe) + CheckedAt];
        long bytes = Volatile.Read(ref cell);
        long before = Volatile.Read(ref last);
        bool isWorthwhile = bytes - before >= _worthwhile;
        if (!isWorthwhile && bytes >= before)
        {
            return false;
        }

        // Two threads of a stripe may write this at the same time: either value was right a moment ago.
        Volatile.Write(ref last, bytes);
        return (isWorthwhile || _worthwhile == 0) && IsExceeded;
    }

    public bool IsExceeded
    {
        get
        {
            long sum = 0;
            for (int stripe = 0; stripe < cellCount; stripe++)
            {
                sum += Volatile.Read(ref CellOf(stripe));
            }

            return sum > _limit;
        }
    }

    // Counts bytes that enter magazines of a stripe, or leave them if negative.
    public void Add(long bytes, int stripe = 0)
    {
        OnAdding(PlaceOf(stripe));
        Interlocked.Add(ref CellOf(stripe), bytes);
    }

    // A trace has a body for it (see benchmarks/Hakmem.Scale); the library has none, and no call is compiled.
    partial void OnAdding(int place);

    // Flushes depots in turn until the sum is within the limit, the one in use only if all others did not suffice.
    // Returns the address of a block found free already, or 0. Called under no lock.
    public nuint FlushExcess(DepotSet depots, int inUse)
    {
        nuint corruptAddress = 0;
        for (int step = 0; step < depots.Count && IsExceeded; step++)
        {
            int index = (int)((uint)Interlocked.Increment(ref _nextDepot) % (uint)depots.Count);
            nuint found = index == inUse ? 0 : depots.Find(index)?.FlushAll() ?? 0;
            corruptAddress = found != 0 ? found : corruptAddress;
        }

        if (IsExceeded)
        {
            nuint found = depots.Find(inUse)?.FlushAll() ?? 0;
            corruptAddress = found != 0 ? found : corruptAddress;
        }

        return corruptAddress;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long LimitOf(int cells) => System.Math.Max(MaxBytes, cells * MaxBytesPerCell);

    // There is a cell's room before the first one and behind the last, for what lies beside the array.
    private int PlaceOf(int stripe) => ((stripe & (cellCount - 1)) + 1) * CellWords;

    private ref long CellOf(int stripe) => ref _cells[PlaceOf(stripe)];
}
