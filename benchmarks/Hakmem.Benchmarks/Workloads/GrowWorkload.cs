using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// One block grown by half again and again, as a list or a writer grows: whether it can grow where it is, and whether its pages
/// can move without being copied.
/// </summary>
internal sealed unsafe class GrowWorkload : Workload
{
    private const nuint FirstBytes = 16;
    private const nuint LastBytes = 4 << 20;

    public GrowWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => Run<T>;

    private static long Run<T>(long operations)
        where T : struct, IAllocatorSubject
    {
        long steps = 0;
        while (steps < operations)
        {
            steps += GrowOnce<T>();
        }

        return steps;
    }

    private static long GrowOnce<T>()
        where T : struct, IAllocatorSubject
    {
        long steps = 0;
        void* block = T.Alloc(FirstBytes);
        Block.Touch(block, FirstBytes);
        for (nuint byteCount = FirstBytes; byteCount < LastBytes; steps++)
        {
            byteCount += byteCount / 2;
            block = T.Realloc(block, byteCount);
            Block.Touch(block, byteCount);
        }

        T.Free(block);
        return steps;
    }
}
