using System;
using System.Buffers;
using Xunit;

namespace Hakmem.Tests.Conformance;

// The framework's rules hold with owners that are used again, since no test here disposes one twice after others were rented.
public sealed class RecyclingPoolConformance : MemoryPoolConformance, IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly NativeMemoryPool _pool;

    public RecyclingPoolConformance()
    {
        _pool = new NativeMemoryPool(_heap, new NativeMemoryPoolOptions { RecycleOwners = true, MaxBytes = 1L << 30 });
    }

    protected override MemoryPool<byte> Pool => _pool;

    protected override bool IsArrayBacked => false;

    public void Dispose()
    {
        Assert.Equal(0, _pool.GetStatistics().RentedCount);
        Assert.Equal(0, _pool.GetStatistics().RentedBytes);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        _pool.Dispose();
        _heap.Dispose();
    }
}
