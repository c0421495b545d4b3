using System;
using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Each thread allocates a table of blocks of one size one by one, and after each writes to two earlier ones; then it
/// shuffles all and frees them in that order, again and again. No thread sees another's blocks: what makes two threads
/// slower than one is shared inside the allocator, above all cache lines with blocks of both.
/// </summary>
internal sealed unsafe class PrivateWorkload : Workload
{
    private const int TableBlocks = 3000;
    private const ulong Seed = 0x9417;

    private readonly nuint _blockBytes;

    /// <summary>Describes the laps.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="workerCount">How many threads have a table.</param>
    /// <param name="blockBytes">The size of a block.</param>
    public PrivateWorkload(string name, int workerCount, nuint blockBytes)
        : base(name, workerCount)
    {
        _blockBytes = blockBytes;
    }

    public override WorkloadBody ForAllocator<T>() => operations =>
    {
        long laps = (OperationsPerWorker(operations) + TableBlocks - 1) / TableBlocks;
        Crew.Run(WorkerCount, index => Work<T>(_blockBytes, laps, Seed + (ulong)index));
        return laps * TableBlocks * WorkerCount;
    };

    private static void Work<T>(nuint blockBytes, long laps, ulong seed)
        where T : struct, IAllocatorSubject
    {
        // The thread's own, so that no cache line has entries of two threads' tables.
        void** blocks = PointerTable.Rent(TableBlocks);
        Xorshift random = new(seed);
        for (long lap = 0; lap < laps; lap++)
        {
            Fill<T>(blocks, blockBytes, ref random);
            PointerTable.Shuffle(blocks, TableBlocks, ref random);
            FreeAll<T>(blocks);
        }

        PointerTable.Return(blocks);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fill<T>(void** blocks, nuint blockBytes, ref Xorshift sequence)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = sequence;
        for (int i = 0; i < TableBlocks; i++)
        {
            void* block = T.Alloc(blockBytes);
            Block.Touch(block, blockBytes);
            blocks[i] = block;

            // The first block is the only one that has none before it.
            ulong drawn = random.Next();
            uint earlier = (uint)Math.Max(i, 1);
            Block.Touch(blocks[Xorshift.Scale(drawn, earlier)], blockBytes);
            Block.Touch(blocks[Xorshift.Scale(drawn << 32, earlier)], blockBytes);
        }

        sequence = random;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FreeAll<T>(void** blocks)
        where T : struct, IAllocatorSubject
    {
        for (int i = 0; i < TableBlocks; i++)
        {
            T.Free(blocks[i]);
        }
    }
}
