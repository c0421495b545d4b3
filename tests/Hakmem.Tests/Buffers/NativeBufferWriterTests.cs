using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CsCheck;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

public sealed unsafe class NativeBufferWriterTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    // The framework's own writer is the model: counts, contents and refusals are the same after any sequence of calls.
    [Fact]
    public void AnySequenceDoesWhatTheArrayWriterDoes()
    {
        Gen.Select(Gen.Int[0, 4], Gen.Int[-2, 3_000], Gen.Byte).Array[0, 60].Sample(
            steps =>
            {
                using NativeBufferWriter<byte> writer = new(_heap, initialCapacity: 16);
                ArrayBufferWriter<byte> model = new(16);
                foreach ((int action, int size, byte mark) in steps)
                {
                    Exception? expected = Record.Exception(() => Take(model, action, size, mark));
                    Exception? actual = Record.Exception(() => Take(writer, action, size, mark));
                    Assert.Equal(expected?.GetType(), actual?.GetType());
                    Assert.Equal(model.WrittenCount, writer.WrittenCount);
                    Assert.True(model.WrittenSpan.SequenceEqual(writer.WrittenSpan));
                    Assert.True(model.WrittenSpan.SequenceEqual(writer.WrittenMemory.Span));
                }
            },
            iter: 300);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    // Up to a SuperSlab, of which nobody else has a part here; beyond it depends on what other heaps have behind it.
    [Fact]
    public void AWriterAloneGrowsWhereItIs()
    {
        using NativeBufferWriter<byte> writer = new(_heap, initialCapacity: 100_000);
        byte[] piece = new byte[1_000];
        while (writer.Capacity == 100_000)
        {
            writer.Write(piece);
        }

        int growths = 0;
        ref byte first = ref MemoryMarshal.GetReference(writer.WrittenSpan);
        while (writer.WrittenCount < 1_500_000)
        {
            int capacity = writer.Capacity;
            writer.Write(piece);
            growths += writer.Capacity == capacity ? 0 : 1;
        }

        Assert.Equal(3, growths);
        Assert.True(Unsafe.AreSame(ref first, ref MemoryMarshal.GetReference(writer.WrittenSpan)));
    }

    // Blocks with guard pages are always copied, so that old and new must fit into the limit, each with its pages and in whole SuperSlabs: 20 MiB and
    // 40 do not, 20 and 21 do, and 20 and an eighth more than 21 into the larger one.
    [Theory]
    [InlineData(50 << 20, (21 << 20) / 8 * 9)]
    [InlineData(45 << 20, 21 << 20)]
    public void WhereThereIsNoRoomForTwiceAsMuchItGrowsByLess(int limit, int capacity)
    {
        using HakmemAllocator small = new(new HakmemOptions { MaxBytes = limit, Hardening = HardeningLevel.Full });
        using NativeBufferWriter<byte> writer = new(small, initialCapacity: 20 << 20);
        byte[] piece = new byte[7 << 20];
        for (int i = 0; i < 3; i++)
        {
            Array.Fill(piece, (byte)i);
            writer.Write(piece);
        }

        Assert.Equal(capacity, writer.Capacity);
        Assert.Throws<OutOfMemoryException>(() => writer.Write(new byte[20 << 20]));
        Assert.Equal(3 * piece.Length, writer.WrittenCount);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(-1, writer.WrittenSpan.Slice(i * piece.Length, piece.Length).IndexOfAnyExcept((byte)i));
        }
    }

    [Fact]
    public void GrowingKeepsWhatWasWritten()
    {
        using NativeBufferWriter<int> writer = new(_heap, initialCapacity: 0);
        for (int i = 0; i < 3_000_000; i++)
        {
            writer.GetSpan(1)[0] = i;
            writer.Advance(1);
        }

        Assert.Equal(3_000_000, writer.WrittenCount);
        Assert.True(writer.Capacity >= 3_000_000);
        Assert.Equal(writer.Capacity - writer.WrittenCount, writer.FreeCapacity);
        ReadOnlySpan<int> written = writer.WrittenSpan;
        for (int i = 0; i < written.Length; i++)
        {
            if (written[i] != i)
            {
                Assert.Fail($"Element {i} is {written[i]}.");
            }
        }
    }

    [Fact]
    public void AMemoryFollowsTheWriterWhenItGrows()
    {
        using NativeBufferWriter<byte> writer = new(_heap, initialCapacity: 16);
        writer.Write("0123456789"u8);
        ReadOnlyMemory<byte> early = writer.WrittenMemory;
        writer.Write(new byte[1_000_000]);
        Assert.Equal("0123456789"u8.ToArray(), early.ToArray());
        Assert.False(MemoryMarshal.TryGetArray(early, out _));
        writer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => early.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => early.Pin());
    }

    [Fact]
    public void PinnedMemoryStaysWhereItIsUntilUnpinned()
    {
        NativeBufferWriter<byte> writer = new(_heap, initialCapacity: 64);
        writer.Write("pinned"u8);
        MemoryHandle handle = writer.WrittenMemory.Pin();
        writer.Write(new byte[1_000]);
        MemoryHandle later = writer.WrittenMemory.Pin();
        Assert.Equal(2, _heap.GetStatistics().LiveBlocks);
        writer.Dispose();

        // Both blocks outlive the writer, since somebody has their addresses.
        Assert.Equal(2, _heap.GetStatistics().LiveBlocks);
        Assert.Equal("pinned"u8.ToArray(), new ReadOnlySpan<byte>(handle.Pointer, 6).ToArray());
        Assert.Equal("pinned"u8.ToArray(), new ReadOnlySpan<byte>(later.Pointer, 6).ToArray());
        later.Dispose();
        handle.Dispose();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void WhatIsWrittenMayBeAPartOfWhatWasWritten()
    {
        using NativeBufferWriter<byte> writer = new(_heap, initialCapacity: 8);
        writer.Write("abcdefgh"u8);
        for (int i = 0; i < 12; i++)
        {
            writer.Write(writer.WrittenSpan);
        }

        Assert.Equal(8 << 12, writer.WrittenCount);
        for (int i = 0; i < writer.WrittenCount; i++)
        {
            Assert.Equal((byte)('a' + (i % 8)), writer.WrittenSpan[i]);
        }
    }

    [Fact]
    public void ClearSetsToZeroAndResetDoesNot()
    {
        using NativeBufferWriter<int> writer = new(_heap, initialCapacity: 4);
        writer.Write([1, 2, 3]);
        writer.ResetWrittenCount();
        Assert.Equal(0, writer.WrittenCount);
        Assert.Equal([1, 2, 3], writer.GetSpan(3)[..3].ToArray());
        writer.Advance(3);
        writer.Clear();
        Assert.Equal([0, 0, 0], writer.GetSpan(3)[..3].ToArray());
    }

    [Fact]
    public void MisuseIsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new NativeBufferWriter<int>(_heap, -1));
        Assert.Throws<ArgumentNullException>(() => new NativeBufferWriter<int>(null!, 1));
        NativeBufferWriter<int> writer = new(_heap, 10);
        Assert.Throws<ArgumentException>(() => writer.GetSpan(-1).Length);
        Assert.Throws<ArgumentException>(() => writer.GetMemory(int.MinValue));
        Assert.Throws<ArgumentException>(() => writer.Advance(-1));
        Assert.Throws<InvalidOperationException>(() => writer.Advance(11));
        writer.Advance(10);
        Assert.Throws<InvalidOperationException>(() => writer.Advance(1));
        Assert.Throws<OutOfMemoryException>(() => writer.GetSpan(int.MaxValue).Length);
        Assert.Equal(10, writer.WrittenCount);
        writer.Dispose();
        writer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => writer.GetSpan().Length);
        Assert.Throws<ObjectDisposedException>(() => writer.GetMemory());
        Assert.Throws<ObjectDisposedException>(() => writer.Advance(0));
        Assert.Throws<ObjectDisposedException>(() => writer.WrittenSpan.Length);
        Assert.Throws<ObjectDisposedException>(() => writer.WrittenMemory);
        Assert.Throws<ObjectDisposedException>(() => writer.Write([]));
        Assert.Throws<ObjectDisposedException>(writer.Clear);
        Assert.Throws<ObjectDisposedException>(writer.ResetWrittenCount);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void AtTheHeapsLimitTheWriterIsAsItWas()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 << 20 });
        using NativeBufferWriter<byte> writer = new(heap);
        writer.Write("kept"u8);
        Assert.Throws<OutOfMemoryException>(() => writer.GetSpan(100 << 20).Length);
        Assert.Equal("kept"u8.ToArray(), writer.WrittenSpan.ToArray());
        writer.Write("on"u8);
    }

    private static void Take(IBufferWriter<byte> writer, int action, int size, byte mark)
    {
        switch (action)
        {
            case 0:
                writer.GetSpan(size)[..Math.Max(size, 1)].Fill(mark);
                writer.Advance(size);
                break;
            case 1:
                writer.GetMemory(size).Span[..Math.Max(size, 1)].Fill(mark);
                writer.Advance(size / 2);
                break;
            case 2:
                byte[] bytes = new byte[Math.Max(size, 0)];
                bytes.AsSpan().Fill(mark);
                writer.Write(bytes);
                break;
            case 3 when writer is ArrayBufferWriter<byte> model:
                model.Clear();
                break;
            case 3:
                ((NativeBufferWriter<byte>)writer).Clear();
                break;
            default:
                // More than any writer here has room for.
                writer.Advance(size < 0 ? size : 1_000_000_000);
                break;
        }
    }
}
