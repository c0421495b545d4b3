using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// A set of large blocks allocated, written and freed as a whole, wave after wave: between two waves all of it is
/// empty.
/// </summary>
internal sealed unsafe class WavesWorkload : Workload
{
    private const nuint BlockBytes = 4 << 20;

    private readonly int _blocksPerWave;

    public WavesWorkload(string name, int blocksPerWave)
        : base(name)
    {
        _blocksPerWave = blocksPerWave;
    }

    public override WorkloadBody ForAllocator<T>() => operations =>
    {
        void** blocks = PointerTable.Rent(_blocksPerWave);
        long waves = operations / _blocksPerWave;
        for (long wave = 0; wave < waves; wave++)
        {
            Run<T>(blocks, _blocksPerWave);
        }

        PointerTable.Return(blocks);
        return waves * _blocksPerWave;
    };

    private static void Run<T>(void** blocks, int count)
        where T : struct, IAllocatorSubject
    {
        for (int i = 0; i < count; i++)
        {
            blocks[i] = T.Alloc(BlockBytes);
            Block.TouchPages(blocks[i], BlockBytes);
        }

        for (int i = 0; i < count; i++)
        {
            T.Free(blocks[i]);
            blocks[i] = null;
        }
    }
}
