using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// Blocks of 64 KiB that are all out at once, every page of each written: nearly nothing but page faults.
/// </summary>
internal sealed unsafe class FirstTouchWorkload : Workload
{
    private const nuint BlockBytes = 64 << 10;

    public FirstTouchWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

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
