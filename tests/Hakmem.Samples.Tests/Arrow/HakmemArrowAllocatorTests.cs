using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Apache.Arrow;
using Hakmem.ArrowSample;
using Xunit;

namespace Hakmem.Samples.Tests.Arrow;

// Arrow's demands on an allocator, and Arrow's own arrays, builders and IPC streams over it.
public sealed class HakmemArrowAllocatorTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly HakmemArrowAllocator _allocator;

    public HakmemArrowAllocatorTests() => _allocator = new HakmemArrowAllocator(_heap);

    public void Dispose() => _heap.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(1_000)]
    [InlineData(65_537)]
    [InlineData(5_000_000)]
    public unsafe void ABufferIsAlignedZeroAndExact(int length)
    {
        // A dirty block of the same size was there before.
        for (int round = 0; round < 2; round++)
        {
            using IMemoryOwner<byte> owner = _allocator.Allocate(length);
            using MemoryHandle pin = owner.Memory.Pin();
            Assert.Equal(length, owner.Memory.Length);
            Assert.Equal((nuint)0, (nuint)pin.Pointer % 64);
            Assert.Equal(-1, owner.Memory.Span.IndexOfAnyExcept((byte)0));
            owner.Memory.Span.Fill(0xA5);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Theory]
    [InlineData(128)]
    [InlineData(4_096)]
    public unsafe void AnotherAlignmentIsKept(int alignment)
    {
        HakmemArrowAllocator allocator = new(_heap, alignment);
        using IMemoryOwner<byte> owner = allocator.Allocate(100);
        using MemoryHandle pin = owner.Memory.Pin();
        Assert.Equal((nuint)0, (nuint)pin.Pointer % (nuint)alignment);
    }

    [Fact]
    public void DisposingTwiceFreesOnceAndUseAfterItThrows()
    {
        IMemoryOwner<byte> owner = _allocator.Allocate(100);
        IMemoryOwner<byte> other = _allocator.Allocate(100);
        Memory<byte> memory = owner.Memory;
        owner.Dispose();
        owner.Dispose();
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => memory.Pin());
        other.Dispose();
    }

    [Fact]
    public void ABufferThatOutlivesItsHeapIsDisposedInPeace()
    {
        HakmemAllocator heap = new();
        HakmemArrowAllocator allocator = new(heap);
        IMemoryOwner<byte> owner = allocator.Allocate(100);
        RecordBatch batch = Orders.Generate(new Random(1), 1_000, allocator);
        Memory<byte> memory = owner.Memory;
        heap.Dispose();
        batch.Dispose();
        owner.Dispose();
        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
    }

    [Fact]
    public void NothingTakesNothingAndLessIsRefused()
    {
        using IMemoryOwner<byte> owner = _allocator.Allocate(0);
        Assert.Equal(0, owner.Memory.Length);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        Assert.Throws<ArgumentOutOfRangeException>(() => _allocator.Allocate(-1));
        Assert.Throws<ArgumentNullException>(() => new HakmemArrowAllocator(null!));
    }

    [Fact]
    public void TheStatisticsCountWhatWasTaken()
    {
        using IMemoryOwner<byte> owner = _allocator.Allocate(100);
        Assert.Equal(1, _allocator.Statistics.Allocations);
        Assert.Equal(_heap.GetStatistics().LiveBytes, _allocator.Statistics.BytesAllocated);
    }

    [Fact]
    public void AFullHeapSaysSoAndGoesOn()
    {
        using HakmemAllocator small = new(new HakmemOptions { MaxBytes = 4 << 20 });
        HakmemArrowAllocator allocator = new(small);
        Assert.Throws<OutOfMemoryException>(() => allocator.Allocate(100 << 20));
        using IMemoryOwner<byte> owner = allocator.Allocate(1_000);
        Assert.Equal(1, small.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void AnArraysBufferIsInTheHeapUntilItIsDisposed()
    {
        using (Int32Array array = new Int32Array.Builder().AppendRange([1, 2, 3]).AppendNull().Build(_allocator))
        {
            IEnumerable<int?> values = array;
            Assert.Equal([1, 2, 3, null], values);
            Assert.True(_heap.GetStatistics().LiveBlocks >= 1);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public async Task AStreamComesBackAsItWasWrittenAndLeavesNothingBehind()
    {
        string path = Path.Combine(Path.GetTempPath(), $"hakmem-arrow-test-{Guid.NewGuid():N}.arrow");
        try
        {
            await Orders.WriteAsync(path, batches: 5, rowsPerBatch: 1_234, _allocator);
            Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
            double expected = await Orders.SumAsync(path, new ArrayAllocator());
            long before = _allocator.Statistics.Allocations;
            Assert.Equal(expected, await Orders.SumAsync(path, _allocator));
            Assert.True(expected > 0);
            Assert.True(_allocator.Statistics.Allocations - before >= 5);
            Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task ABatchMayBeDisposedOnAnotherThread()
    {
        for (int i = 0; i < 50; i++)
        {
            RecordBatch batch = Orders.Generate(new Random(i), 1_000, _allocator);
            double here = Orders.Sum(batch);
            await Task.Run(
                () =>
                {
                    Assert.Equal(here, Orders.Sum(batch));
                    batch.Dispose();
                },
                TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }
}
