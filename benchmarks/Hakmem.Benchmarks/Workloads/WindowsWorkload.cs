using System.Threading;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// A table is filled with small blocks; then the part below a window is freed in the order of allocation, the part above it in
/// reverse, and the window, a fifth of the table, lives on for one more pass while the next window moves up by its width. After
/// MicroQuill's sh6bench. Several workers have a table each and share nothing.
/// </summary>
internal sealed unsafe class WindowsWorkload : Workload
{
    private const int TableBlocks = 5000;
    private const int WindowBlocks = TableBlocks / 5;
    private const uint MaximumBytes = 1000;
    private const ulong Seed = 0x5166;

    /// <summary>Describes the passes.</summary>
    /// <param name="name">The row's name.</param>
    /// <param name="workerCount">How many threads have a table; one alone is the calling thread.</param>
    public WindowsWorkload(string name, int workerCount = 1)
        : base(name, workerCount)
    {
    }

    public override WorkloadBody ForAllocator<T>() => operations =>
    {
        long perWorker = OperationsPerWorker(operations);
        if (WorkerCount == 1)
        {
            return Work<T>(perWorker, Seed);
        }

        long allocated = 0;
        Crew.Run(WorkerCount, index => Interlocked.Add(ref allocated, Work<T>(perWorker, Seed + (ulong)index)));
        return allocated;
    };

    private static long Work<T>(long operations, ulong seed)
        where T : struct, IAllocatorSubject
    {
        void** blocks = PointerTable.Rent(TableBlocks);
        Xorshift random = new(seed);
        long allocated = 0;
        int windowStart = 0;
        while (allocated < operations)
        {
            allocated += Fill<T>(blocks, ref random);
            FreeAround<T>(blocks, windowStart);
            windowStart = (windowStart + WindowBlocks) % TableBlocks;
        }

        for (int i = 0; i < TableBlocks; i++)
        {
            T.Free(blocks[i]);
        }

        PointerTable.Return(blocks);
        return allocated;
    }

    private static int Fill<T>(void** blocks, ref Xorshift sequence)
        where T : struct, IAllocatorSubject
    {
        Xorshift random = sequence;
        int allocated = 0;
        for (int i = 0; i < TableBlocks; i++)
        {
            // What the window kept from the pass before.
            if (blocks[i] is not null)
            {
                continue;
            }

            nuint byteCount = 1 + random.Below(MaximumBytes);
            void* block = T.Alloc(byteCount);
            Block.Touch(block, byteCount);
            blocks[i] = block;
            allocated++;
        }

        sequence = random;
        return allocated;
    }

    private static void FreeAround<T>(void** blocks, int windowStart)
        where T : struct, IAllocatorSubject
    {
        for (int i = 0; i < windowStart; i++)
        {
            T.Free(blocks[i]);
            blocks[i] = null;
        }

        for (int i = TableBlocks - 1; i >= windowStart + WindowBlocks; i--)
        {
            T.Free(blocks[i]);
            blocks[i] = null;
        }
    }
}
