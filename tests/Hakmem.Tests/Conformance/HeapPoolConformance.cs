using System;
using System.Buffers;
using Xunit;

namespace Hakmem.Tests.Conformance;

// A pool over a heap of its own, which it leaves empty.
public abstract class HeapPoolConformance : MemoryPoolConformance, IDisposable
{
    private readonly HakmemAllocator _heap;

    protected HeapPoolConformance(HakmemAllocator heap)
    {
        _heap = heap;
        Pool = new NativeMemoryPool(heap);
    }

    protected override MemoryPool<byte> Pool { get; }

    protected override bool IsArrayBacked => false;

    // Each test returns what it rents.
    public void Dispose()
    {
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        Pool.Dispose();
        _heap.Dispose();
        GC.SuppressFinalize(this);
    }
}
