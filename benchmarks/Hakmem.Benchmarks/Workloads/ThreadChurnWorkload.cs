using System;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Short-lived threads that leave blocks behind for others to free. The time is mostly that of starting threads; what counts is
/// the memory still resident after every thread has ended and every block was freed, with no collection forced and nothing trimmed.
/// </summary>
internal sealed unsafe class ThreadChurnWorkload : Workload
{
    /// <summary>Threads alive at a time.</summary>
    public const int ThreadsPerRound = 8;

    private const int BlocksPerThread = 50;
    private const nuint BlockBytes = 128;

    public ThreadChurnWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    private static long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        long rounds = (operations + ThreadsPerRound - 1) / ThreadsPerRound;

        // The blocks of this round's threads and of the last one's, swapped after each round. Each thread keeps its blocks in a managed array
        // of its own making, as a program would: a thread's first managed object costs the process 8 KiB until the next collection,
        // and would otherwise be charged to those subjects only that use a thread-static.
        nint[][] mine = NewTables();
        nint[][] left = NewTables();
        for (long round = 0; round < rounds; round++)
        {
            nint[][] allocated = mine;
            nint[][] freed = left;
            Crew.Run(ThreadsPerRound, index =>
            {
                FreeAll<T>(freed[(index + 1) % ThreadsPerRound]);
                allocated[index] = Allocate<T>();
            });
            (mine, left) = (left, mine);
        }

        foreach (nint[] blocks in left)
        {
            FreeAll<T>(blocks);
        }

        return rounds * ThreadsPerRound;
    }

    private static nint[][] NewTables()
    {
        var tables = new nint[ThreadsPerRound][];
        Array.Fill(tables, []);
        return tables;
    }

    private static nint[] Allocate<T>()
        where T : struct, IAllocatorSubject
    {
        var blocks = new nint[BlocksPerThread];
        for (int i = 0; i < blocks.Length; i++)
        {
            void* block = T.Alloc(BlockBytes);
            Block.Touch(block, BlockBytes);
            blocks[i] = (nint)block;
        }

        return blocks;
    }

    private static void FreeAll<T>(nint[] blocks)
        where T : struct, IAllocatorSubject
    {
        foreach (nint block in blocks)
        {
            T.Free((void*)block);
        }
    }
}
