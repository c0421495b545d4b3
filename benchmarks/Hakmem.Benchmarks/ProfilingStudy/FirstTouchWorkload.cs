using System.Runtime.InteropServices;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// Blocks of 64 KiB that are all out at once, every page of each written: nearly nothing but page faults.
/// </summary>
internal sealed unsafe class FirstTouchWorkload : Workload
{
    private const nuint BlockBytes = 64 << 10;
    private const nuint BackedBytes = 768 << 20;

    public FirstTouchWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    /// <summary>
    /// Writes to more pages than the workload needs and gives them back to the kernel, which hands out again what it
    /// got back last: the host of a virtual machine has found them by then.
    /// </summary>
    public static void BackWithMemory()
    {
        // The C library maps a block of this size for itself alone, and unmaps it.
        void* memory = NativeMemory.Alloc(BackedBytes);
        Block.TouchPages(memory, BackedBytes);
        NativeMemory.Free(memory);
    }

    private static long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        void** blocks = PointerTable.Rent((int)operations);
        for (long i = 0; i < operations; i++)
        {
            blocks[i] = T.Alloc(BlockBytes);
            Block.TouchPages(blocks[i], BlockBytes);
        }

        // They are left to the end of the process: giving memory back is another question.
        return operations;
    }
}
