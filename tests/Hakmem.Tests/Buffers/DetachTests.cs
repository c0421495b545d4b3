using System;
using System.Buffers;
using System.Linq;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// A writer's memory that an owner takes over.
public sealed class DetachTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void TheOwnerHasTheWrittenElementsWithoutACopy()
    {
        NativeBufferWriter<int> writer = new(_heap);
        writer.Write([1, 2, 3]);
        ReadOnlyMemory<int> before = writer.WrittenMemory;
        using IMemoryOwner<int> owner = writer.Detach();
        Assert.Equal([1, 2, 3], owner.Memory.ToArray());
        owner.Memory.Span[1] = 20;
        Assert.Equal([1, 20, 3], before.ToArray());
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void TheWriterIsAsAfterItsDisposal()
    {
        NativeBufferWriter<byte> writer = new(_heap);
        writer.Write([1]);
        using IMemoryOwner<byte> owner = writer.Detach();
        Assert.Equal((0, 0), (writer.WrittenCount, writer.Capacity));
        Assert.Throws<ObjectDisposedException>(() => writer.Write([2]));
        Assert.Throws<ObjectDisposedException>(() => writer.GetSpan(1));
        Assert.Throws<ObjectDisposedException>(() => writer.Detach());
        writer.Dispose();
        Assert.Equal([1], owner.Memory.ToArray());
    }

    [Fact]
    public void TheOwnersDisposalFreesOnce()
    {
        NativeBufferWriter<byte> writer = new(_heap);
        writer.Write([1]);
        IMemoryOwner<byte> owner = writer.Detach();
        Memory<byte> memory = owner.Memory;
        owner.Dispose();
        owner.Dispose();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        Assert.Throws<ObjectDisposedException>(() => owner.Memory);
        Assert.Throws<ObjectDisposedException>(() => memory.Span[0]);
    }

    [Fact]
    public void PinnedMemoryOutlivesTheOwnersDisposal()
    {
        NativeBufferWriter<byte> writer = new(_heap);
        writer.Write([7]);
        IMemoryOwner<byte> owner = writer.Detach();
        MemoryHandle pin = owner.Memory.Pin();
        owner.Dispose();
        unsafe
        {
            Assert.Equal(7, *(byte*)pin.Pointer);
        }

        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        pin.Dispose();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void AnEmptyWriterHandsOnEmptyMemory()
    {
        using (IMemoryOwner<byte> owner = new NativeBufferWriter<byte>(_heap, 0).Detach())
        {
            Assert.True(owner.Memory.IsEmpty);
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void RacingDisposalsFreeOnce()
    {
        for (int round = 0; round < 200; round++)
        {
            NativeBufferWriter<byte> writer = new(_heap);
            writer.Write([1]);
            IMemoryOwner<byte> owner = writer.Detach();
            Workers.Run(2, _ => owner.Dispose());
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void AfterItsHeapTheOwnerThrowsAndFreesNothing()
    {
        HakmemAllocator heap = new();
        NativeBufferWriter<byte> writer = new(heap);
        writer.Write([1]);
        IMemoryOwner<byte> owner = writer.Detach();
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.Memory);
        owner.Dispose();
    }
}
