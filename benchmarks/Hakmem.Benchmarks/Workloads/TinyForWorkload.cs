using System.Runtime.CompilerServices;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Workloads;

/// <summary>
/// The pattern of tiny-hot in a loop that tests at its start, with a size that the compiler does not know: nothing is taken out of the loop,
/// and the size class is computed each time.
/// </summary>
internal sealed unsafe class TinyForWorkload : Workload
{
    private const nuint BlockBytes = 64;

    public TinyForWorkload(string name)
        : base(name)
    {
    }

    public override WorkloadBody ForAllocator<T>() => operations => Run<T>(operations, BlockBytes);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static long Run<T>(long operations, nuint blockBytes)
        where T : struct, IAllocatorSubject
    {
        for (long i = 0; i < operations; i++)
        {
            void* block = T.Alloc(blockBytes);
            Block.Touch(block, blockBytes);
            T.Free(block);
        }

        return operations;
    }
}
