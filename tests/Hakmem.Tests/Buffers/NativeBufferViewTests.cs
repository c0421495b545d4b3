using System;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// Slices, enumeration, pinning, alignment and resizing of a NativeBuffer.
public sealed unsafe class NativeBufferViewTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void SlicesAndRangesAreTheSameMemory()
    {
        using NativeBuffer<int> buffer = _heap.Rent<int>(10);
        for (int i = 0; i < buffer.Length; i++)
        {
            buffer[i] = i;
        }

        Assert.Equal([3, 4, 5], buffer[3..6].ToArray());
        Assert.Equal([7, 8, 9], buffer[^3..].ToArray());
        Assert.Equal([7, 8, 9], buffer.Slice(7).ToArray());
        Assert.Equal([2, 3], buffer.Slice(2, 2).ToArray());
        Assert.Equal(9, buffer[^1]);
        Assert.True(buffer[10..].IsEmpty);
        buffer[3..6].Fill(-1);
        Assert.Equal([2, -1, -1, -1, 6], buffer[2..7].ToArray());
    }

    [Fact]
    public void SlicesOutOfRangeAreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Slice(10, 11, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Slice(10, -1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Slice(10, 5, 6));
        Assert.Throws<ArgumentOutOfRangeException>(() => Slice(10, 5, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Slice(10, int.MaxValue, int.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
        {
            using NativeBuffer<int> buffer = _heap.Rent<int>(10);
            return buffer.Slice(11).Length;
        });
        Assert.Throws<ArgumentOutOfRangeException>(() =>
        {
            NativeBuffer<int> buffer = _heap.Rent<int>(10);
            buffer.Dispose();
            return buffer[..1].Length;
        });

        int Slice(int length, int start, int count)
        {
            using NativeBuffer<int> buffer = _heap.Rent<int>(length);
            return buffer.Slice(start, count).Length;
        }
    }

    [Fact]
    public void ForeachGivesElementsByReference()
    {
        using NativeBuffer<int> buffer = _heap.Rent<int>(5, zeroed: true);
        int next = 0;
        foreach (ref int element in buffer)
        {
            element = next++;
        }

        Assert.Equal([0, 1, 2, 3, 4], buffer.Span.ToArray());
    }

    [Fact]
    public void FixedGivesTheAddress()
    {
        using NativeBuffer<long> buffer = _heap.Rent<long>(3);
        fixed (long* address = buffer)
        {
            Assert.True(address == buffer.Pointer);
        }

        using NativeBuffer<long> empty = _heap.Rent<long>(0);
        fixed (long* address = empty)
        {
            Assert.True(address is null);
        }
    }

    [Fact]
    public void AlignmentIsKeptByResizing()
    {
        foreach (nuint alignment in new nuint[] { 1, 16, 64, 256, 4_096, 65_536, 1 << 20 })
        {
            NativeBuffer<byte> buffer = _heap.Rent<byte>(100, alignment, zeroed: true);
            Assert.Equal(-1, buffer.Span.IndexOfAnyExcept((byte)0));
            int length = 100;
            Pattern.Fill(buffer.Pointer, (nuint)length, 7);
            foreach (int next in new[] { 300, 5_000, 100_000, 99_000, 1_500_000, 6_000_000, 5_000_000, 90_000, 50 })
            {
                buffer.Resize(next);
                Assert.Equal((nuint)0, (nuint)buffer.Pointer % alignment);
                Assert.Equal(next, buffer.Length);
                Pattern.Verify(buffer.Pointer, (nuint)Math.Min(length, next) & ~(nuint)7, 7);
                Pattern.Fill(buffer.Pointer, (nuint)next, 7);
                length = next;
            }

            buffer.Dispose();
        }

        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void AnAlignmentThatIsNoneIsRefused()
    {
        Assert.Throws<ArgumentException>(() => _heap.Rent<byte>(1, 3).Dispose());
        Assert.Throws<ArgumentException>(() => _heap.Rent<byte>(1, 0).Dispose());
        Assert.Throws<ArgumentOutOfRangeException>(() => _heap.Rent<byte>(-1, 64).Dispose());
        Assert.Throws<ArgumentNullException>(() => ((HakmemAllocator)null!).Rent<byte>(1, 64).Dispose());
    }

    [Fact]
    public void ResizingKeepsWhatBothLengthsHaveAndClearsTheRestIfAsked()
    {
        // In a using declaration, where the variable cannot be assigned to, but its methods can be called.
        using (NativeBuffer<int> dirty = _heap.Rent<int>(1_000))
        {
            dirty.Span.Fill(-1);
        }

        using NativeBuffer<int> buffer = _heap.Rent<int>(4);
        buffer.Span.Fill(5);
        buffer.Resize(1_000, zeroed: true);
        Assert.Equal(1_000, buffer.Length);
        Assert.Equal(-1, buffer[..4].IndexOfAnyExcept(5));
        Assert.Equal(-1, buffer[4..].IndexOfAnyExcept(0));
        buffer.Resize(2);
        Assert.Equal([5, 5], buffer.Span.ToArray());
        buffer.Resize(0);
        Assert.Equal(0, buffer.Length);
        buffer.Resize(1);
        buffer[0] = 9;
    }

    [Fact]
    public void ResizingThatCannotBeIsRefusedAndChangesNothing()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() =>
        {
            using NativeBuffer<int> buffer = _heap.Rent<int>(4);
            buffer.Resize(-1);
        });
        Assert.Throws<ObjectDisposedException>(() =>
        {
            NativeBuffer<int> buffer = _heap.Rent<int>(4);
            buffer.Dispose();
            buffer.Resize(5);
        });
        Assert.Throws<ObjectDisposedException>(() => default(NativeBuffer<int>).Resize(5));

        using HakmemAllocator small = new(new HakmemOptions { MaxBytes = 8 << 20 });
        using NativeBuffer<int> kept = small.Rent<int>(1_000);
        kept.Span.Fill(3);
        bool isRefused = false;
        try
        {
            kept.Resize(100_000_000);
        }
        catch (OutOfMemoryException)
        {
            isRefused = true;
        }

        Assert.True(isRefused);
        Assert.Equal(1_000, kept.Length);
        Assert.Equal(-1, kept.Span.IndexOfAnyExcept(3));
    }
}
