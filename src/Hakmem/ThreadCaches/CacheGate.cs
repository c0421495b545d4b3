using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.ThreadCaches;

// Keeps a cache's slow paths and the reaper apart: one word in each cache, 0 when it is open.
//
// Every slow path of the owner that moves magazines closes the gate behind itself, and so does the reaper. The owner waits for the
// reaper, which holds a gate for a few microseconds; the reaper never waits: a cache whose owner is in a slow path is in use. So the
// reaper's other locks cannot meet an owner's in the wrong order.
//
// Ordering: closing is interlocked (acquire), opening a release. Fast paths do not know of the gate; what they may do beside a reaper that
// has closed it is argued in CacheReaper. Not reentrant.
internal static unsafe class CacheGate
{
    // For the owner, or for whoever holds the registry's lock and the cache of a thread that has ended.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Close(ThreadCache* cache)
    {
        if (!TryClose(cache))
        {
            WaitAndClose(cache);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryClose(ThreadCache* cache) => Interlocked.Exchange(ref cache->Gate, 1) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Open(ThreadCache* cache) => Volatile.Write(ref cache->Gate, 0);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WaitAndClose(ThreadCache* cache)
    {
        SpinWait spin = default;
        while (!TryClose(cache))
        {
            spin.SpinOnce();
        }
    }
}
