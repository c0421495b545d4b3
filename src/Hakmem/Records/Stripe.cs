using System;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Hakmem.Records;

// Stripes: groups of threads that have spans of their own of the size classes whose blocks share cache lines.
//
// Two threads that write blocks of one cache line slow each other down, although they share nothing (Hoard calls it
// passive false sharing: Berger et al., "Hoard", 2000). So a thread allocates blocks below a line only from spans of
// its stripe, and a block that another stripe's thread frees goes home in a batch: it waits in a magazine that holds
// only blocks of that stripe, and a full one goes to the stripe's depot. Classes of a line and more have one depot for
// all threads.
//
// A bin is known by its index:
//
//     0 .. 111      the size classes: the side that Alloc uses, and but for the first three of a striped heap the side
//                   that Free uses
//     112 .. Bins   the side that Free uses of the three striped classes, for each stripe: 112 + 3 * stripe + class
//
// A depot, its spans and a table of SizeClassInfo have the same index. Index and page map thus say which stripe a block
// belongs to, and the fast paths do not know of stripes at all.
internal static class Stripe
{
    // The size classes below a cache line of 64 bytes: 16, 32 and 48 bytes.
    public const int ClassCount = 3;

    // Two for each processor, so that threads that run at the same time seldom share one. A stripe costs each thread's
    // record 288 bytes.
    private const int MinCount = 8;
    private const int MaxCount = 64;

    // The number of stripes, a power of two.
    public static readonly int Count = CountFor(Environment.ProcessorCount);

    // The number of bins of a thread cache, and of depots of a heap.
    public static readonly int Bins = SizeClass.Count + (Count * ClassCount);

    // The most there can be.
    public const int MaxBins = SizeClass.Count + (MaxCount * ClassCount);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int CountFor(int processors) =>
        Math.Clamp((int)BitOperations.RoundUpToPowerOf2((ulong)processors * 2), MinCount, MaxCount);

    // The stripe of the thread cache with a number.
    public static int Of(int number) => number & (Count - 1);

    // The bin of a striped class.
    public static int BinOf(int stripe, int sizeClass) => SizeClass.Count + (stripe * ClassCount) + sizeClass;

    // The stripe that a bin belongs to; the first one for the bin of a class.
    public static int OfBin(int index) => index < SizeClass.Count ? 0 : (index - SizeClass.Count) / ClassCount;

    // The size class of a bin.
    public static int ClassOf(int index) =>
        index < SizeClass.Count ? index : (index - SizeClass.Count) % ClassCount;
}
