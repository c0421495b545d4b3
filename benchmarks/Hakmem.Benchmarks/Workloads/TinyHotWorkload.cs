using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>One small block, again and again: the fast path and nothing else.</summary>
/// <remarks>
/// The loop tests at its end, as compilers usually make them. .NET 10 leaves a <c>for</c> loop as written when all that is inlined into
/// it is above a hundred nodes, and then nothing moves out of it: see benchmarks/LOG.md for what that costs whom.
/// </remarks>
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
        long left = operations;
        do
        {
            void* block = T.Alloc(BlockBytes);
            Block.Touch(block, BlockBytes);
            T.Free(block);
        }
        while (--left > 0);

        return operations;
    }
}
