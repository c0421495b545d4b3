using System.Buffers;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>The pool that .NET ships: <see cref="MemoryPool{T}.Shared"/>, an owner object around a pooled array.</summary>
internal readonly struct SharedMemoryPoolSource : IPoolSource
{
    public static MemoryPool<byte> Pool => MemoryPool<byte>.Shared;
}
