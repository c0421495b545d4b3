using System;
using System.Buffers;
using System.Runtime.InteropServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// Pools of elements other than bytes: lengths are elements, figures are bytes.
public sealed unsafe class NativeMemoryPoolOfTTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void LengthsAreElements()
    {
        using NativeMemoryPool<Guid> pool = new(_heap);
        foreach (int length in new[] { 0, 1, 100, 100_000 })
        {
            using IMemoryOwner<Guid> owner = pool.Rent(length);
            Assert.Equal(length, owner.Memory.Length);
            Assert.Equal(16L * length, pool.GetStatistics().RentedBytes);
            Guid mark = new(length, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
            owner.Memory.Span.Fill(mark);
            Assert.Equal(-1, owner.Memory.Span.IndexOfAnyExcept(mark));
        }

        using IMemoryOwner<Guid> byDefault = pool.Rent();
        Assert.Equal(4_096, byDefault.Memory.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(-2));
    }

    [Fact]
    public void PinCountsInElements()
    {
        using NativeMemoryPool<long> pool = new(_heap);
        using IMemoryOwner<long> owner = pool.Rent(10);
        owner.Memory.Span[7] = 99;
        using MemoryHandle handle = owner.Memory[7..].Pin();
        Assert.Equal(99, *(long*)handle.Pointer);
    }

    [Fact]
    public void RecyclingAndTheCapWorkForAnyElement()
    {
        using NativeMemoryPool<int> pool = new(_heap, new NativeMemoryPoolOptions { RecycleOwners = true, MaxBytes = 400 });
        for (int i = 0; i < 100; i++)
        {
            using IMemoryOwner<int> owner = pool.Rent(100);
            owner.Memory.Span.Fill(i);
            Assert.Throws<OutOfMemoryException>(() => pool.Rent(1));
        }

        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void SharedIsUnmanagedForEveryElement()
    {
        using IMemoryOwner<double> owner = NativeMemoryPool<double>.Shared.Rent(10);
        Assert.False(MemoryMarshal.TryGetArray<double>(owner.Memory, out _));
        using MemoryHandle handle = owner.Memory.Pin();
        Assert.True(HakmemAllocator.Shared.Owns(handle.Pointer));
        NativeMemoryPool<double>.Shared.Dispose();
        NativeMemoryPool<double>.Shared.Rent(1).Dispose();
        Assert.Same(NativeMemoryPool<double>.Shared, NativeMemoryPool<double>.Shared);
    }
}
