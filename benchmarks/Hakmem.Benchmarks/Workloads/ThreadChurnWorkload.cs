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

        // The blocks of this round's threads and of the last one's, swapped after each round.
        nint mine = (nint)PointerTable.Rent(ThreadsPerRound * BlocksPerThread);
        nint left = (nint)PointerTable.Rent(ThreadsPerRound * BlocksPerThread);
        for (long round = 0; round < rounds; round++)
        {
            nint allocated = mine;
            nint freed = left;
            Crew.Run(ThreadsPerRound, index =>
            {
                int neighbour = (index + 1) % ThreadsPerRound;
                FreeAll<T>((void**)freed + (neighbour * BlocksPerThread));
                Allocate<T>((void**)allocated + (index * BlocksPerThread));
            });
            (mine, left) = (left, mine);
        }

        for (int i = 0; i < ThreadsPerRound; i++)
        {
            FreeAll<T>((void**)left + (i * BlocksPerThread));
        }

        PointerTable.Return((void**)mine);
        PointerTable.Return((void**)left);
        return rounds * ThreadsPerRound;
    }

    private static void Allocate<T>(void** blocks)
        where T : struct, IAllocatorSubject
    {
        for (int i = 0; i < BlocksPerThread; i++)
        {
            blocks[i] = T.Alloc(BlockBytes);
            Block.Touch(blocks[i], BlockBytes);
        }
    }

    private static void FreeAll<T>(void** blocks)
        where T : struct, IAllocatorSubject
    {
        for (int i = 0; i < BlocksPerThread; i++)
        {
            T.Free(blocks[i]);
            blocks[i] = null;
        }
    }
}
