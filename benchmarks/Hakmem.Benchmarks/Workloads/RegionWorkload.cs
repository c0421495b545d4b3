using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// A thousand blocks of one lifetime, which end together: a region is reset, what has no regions frees or returns each
/// block. The loops test at their start, with a size from a variable, as in tiny-for.
/// </summary>
internal sealed unsafe class RegionWorkload(string name) : Workload(name)
{
    private const int BlockBytes = 64;
    private const int BlockCount = 1_000;

    public override WorkloadBody ForRegion() => operations =>
    {
        using MemoryRegion region = HakmemAllocator.Shared.CreateRegion();
        long laps = LapsFor(operations);
        for (long lap = 0; lap < laps; lap++)
        {
            FillRegion(region, BlockCount, BlockBytes);
            region.Reset();
        }

        return laps * BlockCount;
    };

    public override WorkloadBody ForAllocator<T>() => operations =>
    {
        void** blocks = PointerTable.Rent(BlockCount);
        long laps = LapsFor(operations);
        for (long lap = 0; lap < laps; lap++)
        {
            FillAndFree<T>(blocks, BlockCount, BlockBytes);
        }

        PointerTable.Return(blocks);
        return laps * BlockCount;
    };

    public override WorkloadBody ForBuffer<T>() => operations =>
    {
        T[] buffers = new T[BlockCount];
        long laps = LapsFor(operations);
        for (long lap = 0; lap < laps; lap++)
        {
            FillAndReturn(buffers, BlockBytes);
        }

        return laps * BlockCount;
    };

    private static long LapsFor(long operations) => (operations + BlockCount - 1) / BlockCount;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FillRegion(MemoryRegion region, int count, nuint blockBytes)
    {
        for (int i = 0; i < count; i++)
        {
            Block.Touch(region.Alloc(blockBytes), blockBytes);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FillAndFree<T>(void** blocks, int count, nuint blockBytes)
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

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FillAndReturn<T>(T[] buffers, int byteCount)
        where T : struct, IBufferSubject<T>
    {
        for (int i = 0; i < buffers.Length; i++)
        {
            T buffer = T.Rent(byteCount);
            buffer.Touch(byteCount);
            buffers[i] = buffer;
        }

        for (int i = 0; i < buffers.Length; i++)
        {
            buffers[i].Return();
        }
    }
}
