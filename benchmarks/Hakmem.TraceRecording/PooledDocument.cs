using System;
using System.Buffers;

namespace Hakmem.TraceRecording;

/// <summary>A document in a rented buffer, which is exchanged for one of twice the size when it is full.</summary>
/// <param name="pool">Where the buffers are from.</param>
/// <param name="initialBytes">The first one's size.</param>
internal sealed class PooledDocument(MemoryPool<byte> pool, int initialBytes) : IBufferWriter<byte>, IDisposable
{
    private IMemoryOwner<byte> _owner = pool.Rent(initialBytes);
    private int _capacity = initialBytes;
    private int _written;

    public ReadOnlyMemory<byte> Written => _owner.Memory[.._written];

    public void Advance(int count) => _written += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        int needed = _written + Math.Max(1, sizeHint);
        if (needed > _capacity)
        {
            _capacity = Math.Max(needed, _capacity * 2);
            IMemoryOwner<byte> larger = pool.Rent(_capacity);
            Written.CopyTo(larger.Memory);
            _owner.Dispose();
            _owner = larger;
        }

        return _owner.Memory[_written..];
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Dispose() => _owner.Dispose();
}
