using System;
using System.Buffers;
using Xunit;

namespace Hakmem.Tests.Conformance;

public sealed class TrackedPoolConformance : MemoryPoolConformance, IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly NativeMemoryPool _pool;

    public TrackedPoolConformance()
    {
        _pool = new NativeMemoryPool(_heap, new NativeMemoryPoolOptions { LeakTracking = LeakTracking.Count });
    }

    protected override MemoryPool<byte> Pool => _pool;

    protected override bool IsArrayBacked => false;

    public void Dispose()
    {
        Assert.Equal(0, _pool.GetStatistics().RentedCount);
        Assert.Equal(0, _pool.GetStatistics().LeakedCount);
        _pool.Dispose();
        _heap.Dispose();
    }
}
