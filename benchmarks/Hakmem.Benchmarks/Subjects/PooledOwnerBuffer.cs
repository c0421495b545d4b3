using System;
using System.Buffers;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>A buffer from a <see cref="MemoryPool{T}"/>, used as the interface has it: an owner, its memory, that memory's span.</summary>
/// <typeparam name="TSource">Names the pool.</typeparam>
internal readonly struct PooledOwnerBuffer<TSource> : IBufferSubject<PooledOwnerBuffer<TSource>>
    where TSource : struct, IPoolSource
{
    private readonly IMemoryOwner<byte> _owner;

    private PooledOwnerBuffer(IMemoryOwner<byte> owner)
    {
        _owner = owner;
    }

    public static PooledOwnerBuffer<TSource> Rent(int byteCount) => new(TSource.Pool.Rent(byteCount));

    public void Touch(int byteCount)
    {
        Span<byte> span = _owner.Memory.Span;
        span[0] = 1;
        span[byteCount - 1] = 1;
    }

    public void Return() => _owner.Dispose();
}
