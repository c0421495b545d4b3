using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// A table is filled with small blocks; then the part below a window is freed in the order of allocation, the part above it in
/// reverse, and the window, a fifth of the table, lives on for one more pass while the next window moves up by its width. After
/// MicroQuill's sh6bench.
/// </summary>
internal sealed unsafe class WindowsWorkload : Workload
{
    private const int TableBlocks = 5000;
    private const int WindowBlocks = TableBlocks / 5;
    private const uint MaximumBytes = 1000;
    private const ulong Seed = 0x5166;

    public WindowsWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    private static long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        void** blocks = PointerTable.Rent(TableBlocks);
        Xorshift random = new(Seed);
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
