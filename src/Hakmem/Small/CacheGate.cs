using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Small;

// Excludes a cache's slow paths and the reaper from each other: one word in each cache, 0 when it is open.
//
// Each slow path of the owner that moves magazines closes the gate, and so does the reaper. The owner waits for the
// reaper, which holds a gate for a few microseconds. The reaper never waits: it skips a cache whose gate is closed,
// because that cache is in use. So the reaper's locks and an owner's locks cannot be taken in opposite orders.
// ThreadCacheRegistry.TryCountHeld closes all gates of a heap as the reaper does, and never runs beside the reaper.
//
// The word is a WordLock. Only the owner waits, so only the others have a thread to wake; the owner opens with a plain
// release. Closing is interlocked (acquire), opening is a release. The fast paths do not read the gate: CacheReaper
// argues what they may do while the reaper has closed it. Not re-entrant.
internal static unsafe partial class CacheGate
{
    // For the owner, or for a thread that holds the registry's lock if the cache's thread has ended.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Close(ThreadCache* cache)
    {
        WordLock.Enter(ref cache->Gate);
        OnClosed();
    }

    // For the thread that called Close.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Open(ThreadCache* cache)
    {
        AssertClosed(cache);
        Volatile.Write(ref cache->Gate, 0);
    }

    // For the reaper.
    public static bool TryCloseOther(ThreadCache* cache) => WordLock.TryEnter(ref cache->Gate);

    // For the reaper: also wakes an owner that waits.
    public static void OpenOther(ThreadCache* cache)
    {
        AssertClosed(cache);
        WordLock.Exit(ref cache->Gate);
    }

    // A gate does not know which thread closed it, so this finds a missing Close only while no other thread has one.
    [Conditional("DEBUG")]
    public static void AssertClosed(ThreadCache* cache) =>
        Debug.Assert(Volatile.Read(ref cache->Gate) != 0, "The cache's gate is open.");

    // A trace has a body for it (see benchmarks/Hakmem.Scale); the library has none, and no call is compiled.
    static partial void OnClosed();
}
