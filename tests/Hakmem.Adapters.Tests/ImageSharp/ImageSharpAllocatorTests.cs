using System;
using System.Buffers;
using System.Collections.Generic;
using System.Linq;
using System.Numerics;
using Hakmem.Tests.Support;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;
using Xunit;

namespace Hakmem.Adapters.Tests.ImageSharp;

// ImageSharp's demands on an allocator, and what misuse does.
public sealed class ImageSharpAllocatorTests : IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });
    private readonly HakmemImageSharpAllocator _allocator;

    public ImageSharpAllocatorTests() => _allocator = new HakmemImageSharpAllocator(_heap);

    public void Dispose() => _heap.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1_000)]
    [InlineData(300_000)]
    public void ABufferHasTheLengthAndIsInTheHeap(int length)
    {
        AssertHolds<byte>(length);
        AssertHolds<Rgb24>(length);
        AssertHolds<Vector4>(length);
        AssertHolds<(byte, double)>(length);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(40_000)]
    [InlineData(3_000_000)]
    public void CleanIsZeroWhateverWasThereBefore(int length)
    {
        for (int round = 0; round < 2; round++)
        {
            using IMemoryOwner<byte> clean = _allocator.Allocate<byte>(length, AllocationOptions.Clean);
            Assert.Equal(-1, clean.Memory.Span.IndexOfAnyExcept((byte)0));
            clean.Memory.Span.Fill(0xA5);
        }
    }

    // As ImageSharp's allocator of managed arrays does. Its default one throws at the first use of such memory.
    [Fact]
    public void ElementsWithReferencesAreInManagedMemory()
    {
        IMemoryOwner<KeyValuePair<int, string>> owner = _allocator.Allocate<KeyValuePair<int, string>>(10);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        owner.Memory.Span[3] = new KeyValuePair<int, string>(3, new string('x', 3));
        GC.Collect();
        Assert.Equal("xxx", owner.Memory.Span[3].Value);
        owner.Dispose();
        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.Memory);
        using IMemoryOwner<KeyValuePair<int, string>> simple =
            new SimpleGcMemoryAllocator().Allocate<KeyValuePair<int, string>>(10);
        Assert.Equal(10, simple.Memory.Length);
    }

    [Fact]
    public void DisposingTwiceFreesOnceAndUseAfterItThrows()
    {
        IMemoryOwner<Rgba32> owner = _allocator.Allocate<Rgba32>(100);
        using IMemoryOwner<Rgba32> other = _allocator.Allocate<Rgba32>(100);
        Memory<Rgba32> memory = owner.Memory;
        owner.Dispose();
        owner.Dispose();
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
    }

    // The library's own allocator throws the same.
    [Fact]
    public void WhatCannotBeIsRefusedAsTheLibraryDoes()
    {
        const int TooMany = (1 << 30) + 1;
        foreach (MemoryAllocator allocator in new[] { _allocator, MemoryAllocator.Create() })
        {
            Assert.Throws<InvalidMemoryOperationException>(() => allocator.Allocate<byte>(-1));
            Assert.Throws<InvalidMemoryOperationException>(() => allocator.Allocate<byte>(TooMany));
            Assert.Throws<InvalidMemoryOperationException>(() => allocator.Allocate<Vector4>(int.MaxValue));
            Assert.Throws<InvalidMemoryOperationException>(() => allocator.Allocate2D<byte>(1 << 17, 1 << 16));
        }

        Assert.Throws<ArgumentNullException>(() => new HakmemImageSharpAllocator(null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HakmemImageSharpAllocator(_heap, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HakmemImageSharpAllocator(_heap, (1L << 30) + 1));
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void AFullHeapIsTheLibrarysExceptionAndGoesOn()
    {
        using HakmemAllocator small = new(new HakmemOptions { MaxBytes = 4 << 20 });
        HakmemImageSharpAllocator allocator = new(small);
        InvalidMemoryOperationException full = Assert.Throws<InvalidMemoryOperationException>(
            () => allocator.Allocate<byte>(100 << 20));
        Assert.Contains("104857616", full.Message, StringComparison.Ordinal);
        using IMemoryOwner<byte> owner = allocator.Allocate<byte>(1_000);
        Assert.Equal(1, small.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ADisposedHeapThrowsAndItsBuffersAreDisposedInPeace()
    {
        HakmemAllocator heap = new();
        HakmemImageSharpAllocator allocator = new(heap);
        IMemoryOwner<byte> owner = allocator.Allocate<byte>(100);
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.Memory);
        Assert.Throws<ObjectDisposedException>(() => allocator.Allocate<byte>(100));
        owner.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1_000)]
    [InlineData(1 << 20)]
    public void ALimitIsExactForBuffersAndFrames(int limit)
    {
        HakmemImageSharpAllocator allocator = new(_heap, limit);
        allocator.Allocate<byte>(limit).Dispose();
        Assert.Throws<InvalidMemoryOperationException>(() => allocator.Allocate<byte>(limit + 1));
        allocator.Allocate2D<byte>(1, limit).Dispose();
        Assert.Throws<InvalidMemoryOperationException>(() => allocator.Allocate2D<byte>(1, limit + 1));

        // More than fits into one piece of any size.
        Assert.Throws<InvalidMemoryOperationException>(() => allocator.Allocate2D<byte>((1 << 30) + 1, 3));
        Assert.Throws<InvalidMemoryOperationException>(() => allocator.Allocate2D<byte>(7, 500_000_000));
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    // Without a limit, as with the library's own allocator, up to 4 GiB: 1 GiB in one piece, more in several.
    [Theory]
    [InlineData(30_000, 30_000, 1)]
    [InlineData(40_000, 40_000, 2)]
    [InlineData(60_000, 60_000, 4)]
    public void AGroupHasPiecesOfWholeRows(int width, int height, int pieces)
    {
        using HakmemAllocator plain = new();
        using (Buffer2D<byte> buffer = new HakmemImageSharpAllocator(plain).Allocate2D<byte>(width, height))
        {
            Assert.Equal(pieces, buffer.MemoryGroup.Count);
            Assert.Equal((long)width * height, buffer.MemoryGroup.Sum(piece => (long)piece.Length));
            Assert.Equal(pieces, plain.GetStatistics().LiveBlocks);
            buffer.DangerousGetRowSpan(height - 1).Fill(7);
            Assert.Equal(7, buffer[width - 1, height - 1]);
        }

        Assert.Equal(0, plain.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void BuffersOfATagsAllocatorBelongToTheTag()
    {
        using MemoryTag tag = new("images", hardBytes: 1 << 20);
        HakmemImageSharpAllocator allocator = new(_heap.ForTag(tag));
        using (allocator.Allocate<Rgba32>(10_000))
        {
            Assert.InRange(tag.LiveBytes, 40_000, 100_000);
            Assert.Throws<InvalidMemoryOperationException>(() => allocator.Allocate<Rgba32>(1 << 20));
        }

        Assert.Equal(0, tag.LiveBytes);
    }

    [Fact]
    public void AnAllocatorOfAnotherClassServesImages()
    {
        HakmemImageSharpAllocator allocator = new(new ForwardingAllocator(_heap));
        using (IMemoryOwner<Vector4> owner = allocator.Allocate<Vector4>(100, AllocationOptions.Clean))
        {
            Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
            Assert.Equal(Vector4.Zero, owner.Memory.Span[99]);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void TheDefaultIsTheSharedHeap()
    {
        long before = HakmemAllocator.Shared.GetStatistics().LiveBlocks;
        using (new HakmemImageSharpAllocator().Allocate<byte>(100))
        {
            Assert.Equal(before + 1, HakmemAllocator.Shared.GetStatistics().LiveBlocks);
        }
    }

    [Fact]
    public void RetainedResourcesGoBackToTheSystem()
    {
        using HakmemAllocator plain = new();
        HakmemImageSharpAllocator allocator = new(plain);
        allocator.Allocate<byte>(8 << 20, AllocationOptions.Clean).Dispose();
        Assert.True(plain.GetStatistics().CommittedBytes >= 8 << 20);
        allocator.ReleaseRetainedResources();
        Assert.True(plain.GetStatistics().CommittedBytes < 8 << 20);
    }

    private void AssertHolds<T>(int length)
        where T : struct
    {
        using IMemoryOwner<T> owner = _allocator.Allocate<T>(length);
        Assert.Equal(length, owner.Memory.Length);
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        owner.Memory.Span.Clear();
    }
}
