using System;
using System.Buffers;
using System.Threading;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// What NativeMemoryPool promises beyond the framework's rules (see MemoryPoolConformance for those).
public sealed unsafe class NativeMemoryPoolTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void ABufferHasExactlyTheLengthAskedFor()
    {
        NativeMemoryPool pool = new(_heap);
        foreach (int size in new[] { 0, 1, 17, 1_000, 4_096, 1_000_000, 3_000_000 })
        {
            using IMemoryOwner<byte> owner = pool.Rent(size);
            Assert.Equal(size, owner.Memory.Length);
        }
    }

    [Fact]
    public void BuffersAreBlocksOfTheHeap()
    {
        NativeMemoryPool pool = new(_heap);
        using (IMemoryOwner<byte> owner = pool.Rent(1_000))
        {
            using MemoryHandle handle = owner.Memory.Pin();
            Assert.True(_heap.Owns(handle.Pointer));
            Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void SharedRentsFromTheSharedHeap()
    {
        using IMemoryOwner<byte> owner = NativeMemoryPool.Shared.Rent(1_000);
        using MemoryHandle handle = owner.Memory.Pin();
        Assert.True(HakmemAllocator.Shared.Owns(handle.Pointer));
    }

    [Fact]
    public void AMemoryTakenBeforeDisposeCannotReachTheBytesAfterwards()
    {
        NativeMemoryPool pool = new(_heap);
        IMemoryOwner<byte> owner = pool.Rent(1_000);
        Memory<byte> memory = owner.Memory;
        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => memory.Pin());
    }

    [Fact]
    public void RacingDisposalsFreeOnce()
    {
        NativeMemoryPool pool = new(_heap);
        for (int round = 0; round < 200; round++)
        {
            IMemoryOwner<byte> owner = pool.Rent(500);
            using Barrier start = new(2);
            Workers.Run(2, _ =>
            {
                start.SignalAndWait();
                owner.Dispose();
            });
        }

        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void OptionsSetTheDefaultAndTheLargestSize()
    {
        NativeMemoryPool pool = new(_heap, new NativeMemoryPoolOptions { DefaultBufferSize = 100, MaxBufferSize = 1_000 });
        Assert.Equal(1_000, pool.MaxBufferSize);
        using IMemoryOwner<byte> byDefault = pool.Rent();
        Assert.Equal(100, byDefault.Memory.Length);
        using IMemoryOwner<byte> largest = pool.Rent(1_000);
        Assert.Equal(1_000, largest.Memory.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(1_001));
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(int.MaxValue));
        Assert.Equal(2, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void OptionsOutOfRangeAreRefused()
    {
        Refused(new NativeMemoryPoolOptions { MaxBufferSize = 0 });
        Refused(new NativeMemoryPoolOptions { MaxBufferSize = -1 });
        Refused(new NativeMemoryPoolOptions { DefaultBufferSize = 0 });
        Refused(new NativeMemoryPoolOptions { DefaultBufferSize = -1 });
        Refused(new NativeMemoryPoolOptions { DefaultBufferSize = 101, MaxBufferSize = 100 });
        Assert.Throws<ArgumentNullException>(() => new NativeMemoryPool(null!));

        void Refused(NativeMemoryPoolOptions options) =>
            Assert.Throws<ArgumentOutOfRangeException>(() => new NativeMemoryPool(_heap, options));
    }

    [Fact]
    public void ADisposedPoolRentsNoMoreButItsBuffersStay()
    {
        NativeMemoryPool pool = new(_heap);
        IMemoryOwner<byte> owner = pool.Rent(1_000);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Rent(1));
        Assert.Throws<ObjectDisposedException>(() => pool.Rent());
        owner.Memory.Span.Fill(5);
        owner.Dispose();
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void DisposingTheSharedPoolDoesNothing()
    {
        NativeMemoryPool.Shared.Dispose();
        using IMemoryOwner<byte> owner = NativeMemoryPool.Shared.Rent(100);
        Assert.Equal(100, owner.Memory.Length);
    }

    [Fact]
    public void APoolOverADisposedHeapRefusesToRent()
    {
        HakmemAllocator heap = new();
        NativeMemoryPool pool = new(heap);
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.Rent(1));
    }

    [Fact]
    public void RentingBeyondTheHeapsLimitIsOutOfMemory()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 << 20 });
        NativeMemoryPool pool = new(heap);
        Assert.Throws<OutOfMemoryException>(() => pool.Rent(100 << 20));
        using IMemoryOwner<byte> owner = pool.Rent(1_000);
        Assert.Equal(1, heap.GetStatistics().LiveBlocks);
    }
}
