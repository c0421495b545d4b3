using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>One small block, again and again: the fast path and nothing else.</summary>
internal sealed unsafe class TinyHotWorkload : Workload
{
    private const nuint BlockBytes = 64;

    public TinyHotWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    private static long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        for (long i = 0; i < operations; i++)
        {
            void* block = T.Alloc(BlockBytes);
            Block.Touch(block, BlockBytes);
            T.Free(block);
        }

        return operations;
    }
}
