using System.Buffers;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>Ours: <see cref="NativeMemoryPool.Shared"/>.</summary>
internal readonly struct NativeMemoryPoolSource : IPoolSource
{
    public static MemoryPool<byte> Pool => NativeMemoryPool.Shared;
}
