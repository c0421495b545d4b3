using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Each thread frees one tiny block it was given, then allocates one of its own and writes to it ten thousand times, again and
/// again. The given blocks are neighbours: an allocator that hands them out again to the threads that freed them makes the
/// threads write to one cache line, and every write waits for the other processor (Berger's Hoard: passive false sharing).
/// </summary>
internal sealed unsafe class CacheScratchWorkload : Workload
{
    private const nuint BlockBytes = 8;
    private const int WritesPerBlock = 10_000;

    /// <summary>Describes the writes.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="workerCount">How many threads write, each to its block.</param>
    public CacheScratchWorkload(string name, int workerCount)
        : base(name, workerCount)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    private long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        long writesPerLap = (long)WorkerCount * WritesPerBlock;
        long laps = (operations + writesPerLap - 1) / writesPerLap;
        void** given = PointerTable.Rent(WorkerCount);
        for (int i = 0; i < WorkerCount; i++)
        {
            given[i] = T.Alloc(BlockBytes);
            Block.Touch(given[i], BlockBytes);
        }

        using (Barrier start = new(WorkerCount))
        {
            Crew.Run(WorkerCount, index =>
            {
                T.Free(given[index]);

                // Without it the first thread may be done before the second has begun.
                start.SignalAndWait();
                for (long lap = 0; lap < laps; lap++)
                {
                    WriteOne<T>();
                }
            });
        }

        PointerTable.Return(given);
        return laps * writesPerLap;
    }

    private static void WriteOne<T>()
        where T : struct, IAllocatorSubject
    {
        byte* block = (byte*)T.Alloc(BlockBytes);
        Block.Touch(block, BlockBytes);
        WriteMany(block);
        T.Free(block);
    }

    // The same machine code for every subject from the first call on: a tiered loop of ten thousand steps may stay in code that was replaced
    // on the stack, which takes twice the time, or leave it, depending on when the compiler's thread gets a processor.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void WriteMany(byte* block)
    {
        for (int i = 0; i < WritesPerBlock; i++)
        {
            // Volatile, or the compiler keeps the counter in a register and writes once.
            Volatile.Write(ref *block, (byte)(Volatile.Read(ref *block) + 1));
        }
    }
}
