using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>Fifty small blocks, then all of them freed: deeper than one block's reuse, shallower than a cache.</summary>
internal sealed unsafe class BatchWorkload : Workload
{
    private const nuint BlockBytes = 64;
    private const int BatchBlocks = 50;

    public BatchWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    private static long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        void** blocks = PointerTable.Rent(BatchBlocks);
        long laps = (operations + BatchBlocks - 1) / BatchBlocks;
        Loop<T>(blocks, laps);
        PointerTable.Return(blocks);
        return laps * BatchBlocks;
    }

    private static void Loop<T>(void** blocks, long laps)
        where T : struct, IAllocatorSubject
    {
        for (long lap = 0; lap < laps; lap++)
        {
            for (int i = 0; i < BatchBlocks; i++)
            {
                void* block = T.Alloc(BlockBytes);
                Block.Touch(block, BlockBytes);
                blocks[i] = block;
            }

            for (int i = 0; i < BatchBlocks; i++)
            {
                T.Free(blocks[i]);
            }
        }
    }
}
