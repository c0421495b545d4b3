using System;
using System.Buffers;
using Xunit;

namespace Hakmem.Tests.Conformance;

public sealed class CheckedPoolConformance : MemoryPoolConformance, IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });

    public CheckedPoolConformance()
    {
        Pool = new NativeMemoryPool(_heap);
    }

    protected override MemoryPool<byte> Pool { get; }

    protected override bool IsArrayBacked => false;

    // Each test returns what it rents.
    public void Dispose()
    {
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        Pool.Dispose();
        _heap.Dispose();
    }
}
