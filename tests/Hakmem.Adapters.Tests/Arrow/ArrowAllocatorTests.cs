using System;
using System.Buffers;
using System.Linq;
using Apache.Arrow;
using Apache.Arrow.C;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Adapters.Tests.Arrow;

// Arrow's demands on an allocator, and what misuse does.
public sealed class ArrowAllocatorTests : IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });
    private readonly HakmemArrowAllocator _allocator;

    public ArrowAllocatorTests() => _allocator = new HakmemArrowAllocator(_heap);

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

    [Theory]
    [InlineData(0)]
    [InlineData(-64)]
    [InlineData(48)]
    public void AWrongAlignmentIsRefused(int alignment) =>
        Assert.Throws<ArgumentException>(() => new HakmemArrowAllocator(_heap, alignment));

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
    public void DisposingTwiceFreesOnceAndUseAfterItThrows()
    {
        IMemoryOwner<byte> owner = _allocator.Allocate(100);
        using IMemoryOwner<byte> other = _allocator.Allocate(100);
        Memory<byte> memory = owner.Memory;
        owner.Dispose();
        owner.Dispose();
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => memory.Pin());
    }

    [Fact]
    public void AnArrayThatOutlivesItsHeapThrowsAndIsDisposedInPeace()
    {
        HakmemAllocator heap = new();
        Int32Array array = new Int32Array.Builder().AppendRange(Enumerable.Range(0, 1_000)).Build(
            new HakmemArrowAllocator(heap));
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => array.Values.Length);
        array.Dispose();
        array.Dispose();
    }

    [Fact]
    public void AFullHeapSaysSoAndGoesOn()
    {
        using HakmemAllocator small = new(new HakmemOptions { MaxBytes = 4 << 20 });
        HakmemArrowAllocator allocator = new(small);
        Assert.Throws<OutOfMemoryException>(() => allocator.Allocate(100 << 20));
        using IMemoryOwner<byte> owner = allocator.Allocate(1_000);
        Assert.Equal(1, small.GetStatistics().LiveBlocks);
        Assert.Equal(1, allocator.Statistics.Allocations);
    }

    [Fact]
    public void ArrowsStatisticsCountWhatTheHeapGave()
    {
        using IMemoryOwner<byte> owner = _allocator.Allocate(100);
        Assert.Equal(1, _allocator.Statistics.Allocations);
        Assert.Equal(_heap.GetStatistics().LiveBytes, _allocator.Statistics.BytesAllocated);
    }

    [Fact]
    public void BuffersOfATagsAllocatorBelongToTheTag()
    {
        using MemoryTag tag = new("arrow", hardBytes: 1 << 20);
        HakmemArrowAllocator allocator = new(_heap.ForTag(tag));
        using (allocator.Allocate(100_000))
        {
            Assert.InRange(tag.LiveBytes, 100_000, 200_000);
            Assert.Throws<OutOfMemoryException>(() => allocator.Allocate(2 << 20));
        }

        Assert.Equal(0, tag.LiveBytes);
        Assert.Equal(1, tag.RefusedCount);
    }

    [Fact]
    public void AnAllocatorOfAnotherClassServesArrow()
    {
        HakmemArrowAllocator allocator = new(new ForwardingAllocator(_heap));
        using (Int32Array array = new Int32Array.Builder().AppendRange([1, 2, 3]).Build(allocator))
        {
            Assert.Equal([1, 2, 3], array.Values.ToArray());
            Assert.True(_heap.GetStatistics().LiveBlocks > 0);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ABufferWhoseAllocatorDoesNotSayItsSizeIsFreed()
    {
        HakmemArrowAllocator allocator = new(new SizelessAllocator(_heap));
        Assert.Throws<TimeoutException>(() => allocator.Allocate(100));
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        Assert.Equal(0, allocator.Statistics.Allocations);
    }

    [Fact]
    public void TheDefaultIsTheSharedHeap()
    {
        long before = HakmemAllocator.Shared.GetStatistics().LiveBlocks;
        using (new HakmemArrowAllocator().Allocate(100))
        {
            Assert.Equal(before + 1, HakmemAllocator.Shared.GetStatistics().LiveBlocks);
        }

        Assert.Equal(before, HakmemAllocator.Shared.GetStatistics().LiveBlocks);
    }

    // What native code has through the C data interface stays until that releases it.
    [Fact]
    public unsafe void AnExportedArrayLivesUntilItIsReleased()
    {
        CArrowArray* exported = CArrowArray.Create();
        CArrowSchema* schema = CArrowSchema.Create();
        try
        {
            using (Int32Array array = new Int32Array.Builder().AppendRange([1, 2, 3]).Build(_allocator))
            {
                CArrowArrayExporter.ExportArray(array, exported);
                CArrowSchemaExporter.ExportType(array.Data.DataType, schema);
            }

            Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
            using (Int32Array imported = (Int32Array)CArrowArrayImporter.ImportArray(
                exported, CArrowSchemaImporter.ImportType(schema)))
            {
                Assert.Equal([1, 2, 3], imported.Values.ToArray());
            }

            Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        }
        finally
        {
            CArrowArray.Free(exported);
            CArrowSchema.Free(schema);
        }
    }

    private sealed unsafe class SizelessAllocator(IHakmemAllocator heap) : WrappedAllocator(heap)
    {
        public override nuint UsableSize(void* ptr) => throw new TimeoutException();
    }
}
