using System;
using System.Buffers;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Conformance;

// What code that was written against MemoryPool<byte>.Shared relies on. The framework's own pool is one of the subclasses, so
// that the rules stated here are the framework's and not ours.
public abstract class MemoryPoolConformance
{
    protected abstract MemoryPool<byte> Pool { get; }

    // Whether a buffer is a managed array underneath.
    protected abstract bool IsArrayBacked { get; }

    [Fact]
    public void RentGivesAtLeastWhatWasAskedFor()
    {
        foreach (int size in new[] { 1, 2, 15, 16, 17, 1_000, 4_096, 65_536, 100_000, 1 << 20, (1 << 20) + 1, 5 << 20 })
        {
            using IMemoryOwner<byte> owner = Pool.Rent(size);
            Assert.True(owner.Memory.Length >= size);
            Span<byte> span = owner.Memory.Span;
            Assert.Equal(owner.Memory.Length, span.Length);
            span.Fill(0xA5);
            Assert.Equal(-1, owner.Memory.Span.IndexOfAnyExcept((byte)0xA5));
        }
    }

    [Fact]
    public void RentWithoutASizeGivesAUsableBuffer()
    {
        using IMemoryOwner<byte> byDefault = Pool.Rent();
        using IMemoryOwner<byte> byMinusOne = Pool.Rent(-1);
        Assert.Equal(4_096, byDefault.Memory.Length);
        Assert.Equal(4_096, byMinusOne.Memory.Length);
        byDefault.Memory.Span.Fill(1);
        byMinusOne.Memory.Span.Fill(2);
        Assert.Equal(-1, byDefault.Memory.Span.IndexOfAnyExcept((byte)1));
    }

    [Fact]
    public void RentOfZeroIsAllowed()
    {
        using IMemoryOwner<byte> owner = Pool.Rent(0);
        Assert.Equal(0, owner.Memory.Length);
        Assert.True(owner.Memory.Span.IsEmpty);
    }

    [Fact]
    public void SizesOutOfRangeAreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Pool.Rent(-2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Pool.Rent(int.MinValue));
        if (Pool.MaxBufferSize < int.MaxValue)
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => Pool.Rent(Pool.MaxBufferSize + 1));
            Assert.Throws<ArgumentOutOfRangeException>(() => Pool.Rent(int.MaxValue));
        }
    }

    [Fact]
    public void MaxBufferSizeIsAtLeastThatOfAnArray()
    {
        Assert.True(Pool.MaxBufferSize >= Array.MaxLength);
    }

    [Fact]
    public void DisposingTwiceDoesNothing()
    {
        IMemoryOwner<byte> owner = Pool.Rent(1_000);
        owner.Dispose();
        owner.Dispose();

        // Had the second disposal returned the buffer again, two of these would share it.
        List<IMemoryOwner<byte>> owners = [];
        for (int i = 0; i < 20; i++)
        {
            owners.Add(Pool.Rent(1_000));
            owners[i].Memory.Span.Fill((byte)i);
        }

        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(-1, owners[i].Memory.Span.IndexOfAnyExcept((byte)i));
            owners[i].Dispose();
        }
    }

    [Fact]
    public void MemoryAfterDisposeIsRefused()
    {
        IMemoryOwner<byte> owner = Pool.Rent(1_000);
        owner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => owner.Memory);
    }

    [Fact]
    public void DisposingOnAnotherThreadReturnsTheBuffer()
    {
        IMemoryOwner<byte> owner = Pool.Rent(1_000);
        Workers.RunOne(owner.Dispose);
        Assert.Throws<ObjectDisposedException>(() => owner.Memory);
    }

    [Fact]
    public void LiveBuffersDoNotShareBytes()
    {
        List<IMemoryOwner<byte>> owners = [];
        for (int i = 0; i < 200; i++)
        {
            IMemoryOwner<byte> owner = Pool.Rent(i * 37);
            owner.Memory.Span.Fill((byte)i);
            owners.Add(owner);
        }

        for (int i = 0; i < 200; i++)
        {
            Assert.Equal(-1, owners[i].Memory.Span.IndexOfAnyExcept((byte)i));
            owners[i].Dispose();
        }
    }

    [Fact]
    public void SlicesSeeTheSameBytes()
    {
        using IMemoryOwner<byte> owner = Pool.Rent(1_000);
        Memory<byte> slice = owner.Memory.Slice(100, 50);
        slice.Span.Fill(7);
        Assert.Equal(7, owner.Memory.Span[100]);
        Assert.Equal(7, owner.Memory.Span[149]);
        owner.Memory.Span[120] = 9;
        Assert.Equal(9, slice.Span[20]);
        Assert.Throws<ArgumentOutOfRangeException>(() => owner.Memory[(owner.Memory.Length + 1)..]);
    }

    [Fact]
    public unsafe void PinGivesTheAddressOfTheBytes()
    {
        using IMemoryOwner<byte> owner = Pool.Rent(1_000);
        owner.Memory.Span[0] = 11;
        owner.Memory.Span[500] = 22;
        using (MemoryHandle handle = owner.Memory.Pin())
        {
            Assert.Equal(11, *(byte*)handle.Pointer);
            Assert.Equal(22, ((byte*)handle.Pointer)[500]);
            using MemoryHandle inner = owner.Memory[500..].Pin();
            Assert.True((byte*)inner.Pointer == (byte*)handle.Pointer + 500);
        }

        // Pinned at the very end, which holds no byte.
        using MemoryHandle end = owner.Memory[owner.Memory.Length..].Pin();
        Assert.Equal(11, owner.Memory.Span[0]);
    }

    [Fact]
    public void PinAndUnpinManyTimes()
    {
        using IMemoryOwner<byte> owner = Pool.Rent(100);
        for (int i = 0; i < 1_000; i++)
        {
            MemoryHandle handle = owner.Memory.Pin();
            handle.Dispose();
            handle.Dispose();
        }

        owner.Memory.Span.Fill(3);
    }

    [Fact]
    public void TryGetArrayTellsWhetherThereIsOne()
    {
        using IMemoryOwner<byte> owner = Pool.Rent(1_000);
        Assert.Equal(IsArrayBacked, MemoryMarshal.TryGetArray<byte>(owner.Memory, out ArraySegment<byte> segment));
        Assert.Equal(IsArrayBacked, segment.Array is not null);
    }

    [Fact]
    public async Task BuffersSurviveAnAwait()
    {
        for (int i = 0; i < 50; i++)
        {
            using IMemoryOwner<byte> owner = Pool.Rent(2_000);
            Memory<byte> memory = owner.Memory;
            memory.Span.Fill((byte)i);
            await Task.Yield();
            Assert.Equal(-1, memory.Span.IndexOfAnyExcept((byte)i));
        }
    }
}
