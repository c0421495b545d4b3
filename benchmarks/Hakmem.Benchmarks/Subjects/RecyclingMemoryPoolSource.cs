using System.Buffers;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Ours with owners that are used again, over the shared heap.</summary>
internal readonly struct RecyclingMemoryPoolSource : IPoolSource
{
    private static readonly NativeMemoryPool s_pool = new(HakmemAllocator.Shared, new NativeMemoryPoolOptions { RecycleOwners = true });

    public static MemoryPool<byte> Pool => s_pool;
}
