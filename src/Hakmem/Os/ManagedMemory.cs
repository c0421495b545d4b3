using System;
using System.Diagnostics;
using System.Threading;

namespace Hakmem.Os;

// Where the library needs managed memory in the middle of an operation, so that tests can refuse it there, as
// FaultyMemory refuses calls of the system. A service at the limit of its managed heap (DOTNET_GCHeapHardLimit) meets
// OutOfMemoryException at any of these places; the operation must lose nothing then.
//
// In Release there is nothing of it.
internal static class ManagedMemory
{
    [ThreadStatic]
    private static int t_countdown;

    // Where a test refuses managed memory once, on whichever thread gets there; null for nowhere. Interlocked.
    private static string? s_refusedPlace;

    // Called right before an allocation of managed memory, or a first use of something that allocates.
    [Conditional("DEBUG")]
    public static void Need()
    {
        if (t_countdown > 0 && --t_countdown == 0)
        {
            throw new OutOfMemoryException("A test refused managed memory.");
        }
    }

    // The same on a thread that no test has, such as the finalizer's.
    [Conditional("DEBUG")]
    public static void Need(string place)
    {
        string? refused = Volatile.Read(ref s_refusedPlace);
        if (refused == place && Interlocked.CompareExchange(ref s_refusedPlace, null, refused) is not null)
        {
            throw new OutOfMemoryException("A test refused managed memory.");
        }
    }

#if DEBUG
    // Whether that which RefuseAt asked for last has come.
    public static bool IsRefused => Volatile.Read(ref s_refusedPlace) is null;

    // Refuses the next need at this place.
    public static void RefuseAt(string place) => Volatile.Write(ref s_refusedPlace, place);

    // Refuses the n-th need of the calling thread from now on; none if n is 0. Returns how many needs were left of what
    // was asked for before: 0 if that one was met, or nothing was asked for.
    public static int RefuseNth(int n)
    {
        int left = t_countdown;
        t_countdown = n;
        return left;
    }
#endif
}
