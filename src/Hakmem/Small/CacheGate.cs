using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Small;

// Keeps a cache's slow paths and the reaper apart: one word in each cache, 0 when it is open.
//
// Every slow path of the owner that moves magazines closes the gate behind itself, and so does the reaper. The owner waits for the
// reaper, which holds a gate for a few microseconds; the reaper never waits: a cache whose owner is in a slow path is in use. So the
// reaper's other locks cannot meet an owner's in the wrong order.
//
// Who counts a heap's blocks for certain closes all gates as the reaper does (ThreadCacheRegistry.TryCountHeld), beside
// no reaper.
//
// The word is a WordLock. Only the owner ever waits, so only the reaper has someone to wake, and the owner opens with a
// plain release.
//
// Ordering: closing is interlocked (acquire), opening a release. Fast paths do not know of the gate; what they may do beside a reaper that
// has closed it is argued in CacheReaper. Not re-entrant.
internal static unsafe class CacheGate
{
    // For the owner, or for whoever holds the registry's lock and the cache of a thread that has ended.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Close(ThreadCache* cache) => WordLock.Enter(ref cache->Gate);

    // For whoever closed it by Close.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Open(ThreadCache* cache) => Volatile.Write(ref cache->Gate, 0);

    // For the reaper.
    public static bool TryCloseOther(ThreadCache* cache) => WordLock.TryEnter(ref cache->Gate);

    // For the reaper: also wakes an owner that waits.
    public static void OpenOther(ThreadCache* cache) => WordLock.Exit(ref cache->Gate);
}
