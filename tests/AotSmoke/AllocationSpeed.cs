using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;

namespace Hakmem.Tests.AotSmoke;

// How long a block of 64 bytes takes that is freed at once: the fastest of many rounds, since noise only adds. Pauses between them let the
// JIT compiler come to its last version of the code.
internal static class AllocationSpeed
{
    private const int Rounds = 100;
    private const int PairsPerRound = 1_000_000;

    public static double MeasureNanoseconds()
    {
        double fastest = double.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            Thread.Sleep(10);
            long start = Stopwatch.GetTimestamp();
            RunPairs();
            fastest = Math.Min(fastest, Stopwatch.GetElapsedTime(start).TotalNanoseconds / PairsPerRound);
        }

        return fastest;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe void RunPairs()
    {
        HakmemAllocator heap = HakmemAllocator.Shared;
        for (int i = 0; i < PairsPerRound; i++)
        {
            // SAFETY: the block is written within its size, and not used once it is freed.
            byte* block = (byte*)heap.Alloc(64);
            *block = (byte)i;
            heap.Free(block);
        }
    }
}
