using System;
using System.Runtime.InteropServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

public sealed unsafe class NativeBufferTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void TheLengthIsExactlyWhatWasAskedFor()
    {
        foreach (int length in new[] { 0, 1, 3, 17, 1_000, 100_000, 3_000_000 })
        {
            using NativeBuffer<int> buffer = _heap.Rent<int>(length);
            Assert.Equal(length, buffer.Length);
            Assert.Equal(length, buffer.Span.Length);
            Assert.True(buffer.Pointer is not null);
            Assert.Equal((nuint)0, (nuint)buffer.Pointer % 16);
            buffer.Span.Fill(length);
            Assert.Equal(-1, buffer.Span.IndexOfAnyExcept(length));
        }

        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void SpanPointerAndIndexerAreTheSameMemory()
    {
        using NativeBuffer<Guid> buffer = _heap.Rent<Guid>(10);
        Guid value = new(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
        buffer[3] = value;
        Assert.Equal(value, buffer.Span[3]);
        Assert.Equal(value, buffer.Pointer[3]);
        buffer.Span[9] = value;
        Assert.Equal(value, buffer[9]);
    }

    [Fact]
    public void ZeroedMeansZeroOnADirtyHeap()
    {
        foreach (int length in new[] { 1, 5, 100, 10_000, 1_000_000 })
        {
            using (NativeBuffer<int> dirty = _heap.Rent<int>(length))
            {
                dirty.Span.Fill(-1);
            }

            using NativeBuffer<int> zeroed = _heap.Rent<int>(length, zeroed: true);
            Assert.Equal(-1, zeroed.Span.IndexOfAnyExcept(0));
        }
    }

    [Fact]
    public void DisposingTwiceFreesOnce()
    {
        NativeBuffer<long> buffer = _heap.Rent<long>(100);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Equal(0, buffer.Length);
        Assert.True(buffer.Span.IsEmpty);
        Assert.True(buffer.Pointer is null);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void AnIndexOutOfRangeIsRefused()
    {
        Assert.Throws<IndexOutOfRangeException>(() => Read(4, 4));
        Assert.Throws<IndexOutOfRangeException>(() => Read(4, -1));
        Assert.Throws<IndexOutOfRangeException>(() => Read(4, int.MaxValue));
        Assert.Throws<IndexOutOfRangeException>(() => Read(4, int.MinValue));
        Assert.Throws<IndexOutOfRangeException>(() => Read(0, 0));
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);

        int Read(int length, int index)
        {
            using NativeBuffer<int> buffer = _heap.Rent<int>(length);
            return buffer[index];
        }
    }

    [Fact]
    public void AnIndexAfterDisposeIsRefused()
    {
        Assert.Throws<IndexOutOfRangeException>(() =>
        {
            NativeBuffer<int> buffer = _heap.Rent<int>(4);
            buffer.Dispose();
            return buffer[0];
        });
    }

    [Fact]
    public void TheDefaultBufferIsEmptyAndHarmless()
    {
        NativeBuffer<int> buffer = default;
        Assert.Equal(0, buffer.Length);
        Assert.True(buffer.Span.IsEmpty);
        Assert.True(buffer.Pointer is null);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<IndexOutOfRangeException>(() => default(NativeBuffer<int>)[0]);
    }

    [Fact]
    public void ABufferOfNoElementsIsABlock()
    {
        NativeBuffer<int> buffer = _heap.Rent<int>(0, zeroed: true);
        Assert.Equal(0, buffer.Length);
        Assert.True(buffer.Pointer is not null);
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        buffer.Dispose();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void ANegativeLengthIsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _heap.Rent<int>(-1).Dispose());
        Assert.Throws<ArgumentOutOfRangeException>(() => _heap.Rent<byte>(int.MinValue, zeroed: true).Dispose());
        Assert.Throws<ArgumentNullException>(() => ((HakmemAllocator)null!).Rent<int>(1).Dispose());
    }

    [Fact]
    public void ALengthBeyondAllMemoryIsOutOfMemory()
    {
        // 2 PiB: more than any address range this process can have.
        Assert.Throws<OutOfMemoryException>(() => _heap.Rent<OneMebibyte>(int.MaxValue).Dispose());
        Assert.Throws<OutOfMemoryException>(() => _heap.Rent<OneMebibyte>(int.MaxValue, zeroed: true).Dispose());
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void ADisposedHeapRefusesToRent()
    {
        HakmemAllocator heap = new();
        heap.Dispose();
        Assert.Throws<ObjectDisposedException>(() => heap.Rent<int>(1).Dispose());
    }

    [StructLayout(LayoutKind.Sequential, Size = 1 << 20)]
    private struct OneMebibyte
    {
    }
}
