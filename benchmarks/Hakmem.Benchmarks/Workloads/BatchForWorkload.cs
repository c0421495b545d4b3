using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>The pattern of batch with a size and a number of blocks that the compiler does not know.</summary>
internal sealed unsafe class BatchForWorkload : Workload
{
    private const nuint BlockBytes = 64;
    private const int BatchBlocks = 50;

    public BatchForWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => operations =>
    {
        void** blocks = PointerTable.Rent(BatchBlocks);
        long laps = (operations + BatchBlocks - 1) / BatchBlocks;
        for (long lap = 0; lap < laps; lap++)
        {
            Lap<T>(blocks, BatchBlocks, BlockBytes);
        }

        PointerTable.Return(blocks);
        return laps * BatchBlocks;
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Lap<T>(void** blocks, int count, nuint blockBytes)
        where T : struct, IAllocatorSubject
    {
        for (int i = 0; i < count; i++)
        {
            void* block = T.Alloc(blockBytes);
            Block.Touch(block, blockBytes);
            blocks[i] = block;
        }

        for (int i = 0; i < count; i++)
        {
            T.Free(blocks[i]);
        }
    }
}
