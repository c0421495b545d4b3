using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// Blocks of a few sizes, allocated and then freed in the order of their allocation, in loops that test at their start:
/// what it costs that they count for a tag, beside blocks that count for nobody.
/// </summary>
internal sealed unsafe class TaggedWorkload(string name) : Workload(name)
{
    private const int BlockCount = 50;
    private const nuint SmallestBytes = 32;
    private const nuint StepBytes = 24;

    public override WorkloadBody ForAllocator<T>() => operations =>
    {
        void** blocks = PointerTable.Rent(BlockCount);
        long laps = (operations + BlockCount - 1) / BlockCount;
        for (long lap = 0; lap < laps; lap++)
        {
            AllocateAndFree<T>(blocks, BlockCount, SmallestBytes, StepBytes);
        }

        PointerTable.Return(blocks);
        return laps * BlockCount;
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AllocateAndFree<T>(void** blocks, int count, nuint smallestBytes, nuint stepBytes)
        where T : struct, IAllocatorSubject
    {
        nuint bytes = smallestBytes;
        for (int i = 0; i < count; i++)
        {
            void* block = T.Alloc(bytes);
            Block.Touch(block, bytes);
            blocks[i] = block;
            bytes += stepBytes;
        }

        for (int i = 0; i < count; i++)
        {
            T.Free(blocks[i]);
        }
    }
}
