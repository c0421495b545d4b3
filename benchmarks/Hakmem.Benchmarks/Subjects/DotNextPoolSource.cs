using System.Buffers;
using DotNext.Buffers;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>DotNext.Unsafe's pool of unmanaged buffers, which keeps nothing: every rental is a malloc.</summary>
internal readonly struct DotNextPoolSource : IPoolSource
{
    private const int MaxBufferBytes = 1 << 30;

    private static readonly UnmanagedMemoryPool<byte> s_pool = new(MaxBufferBytes);

    public static MemoryPool<byte> Pool => s_pool;
}
