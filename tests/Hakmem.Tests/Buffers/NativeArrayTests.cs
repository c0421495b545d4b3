using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Hakmem.Tests.Support;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Hakmem.Tests.Buffers;

public sealed unsafe class NativeArrayTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void ElementsPastTwoGibibytesAreReachedByEveryView()
    {
        // Zeroed and fresh, so that of the five gibibytes only what is written takes memory.
        const long Length = 5L << 30;
        using NativeArray<byte> array = new(_heap, Length, zeroed: true);
        long[] places = [0, 1, (1L << 31) - 1, 1L << 31, (1L << 32) + 5, Length - 1];
        foreach (long place in places)
        {
            Assert.Equal(0, array[place]);
            array[place] = (byte)(place % 251 + 1);
        }

        foreach (long place in places)
        {
            byte expected = (byte)(place % 251 + 1);
            Assert.Equal(expected, array[place]);
            Assert.Equal(expected, array.Pointer[place]);
            Assert.Equal(expected, array.AsSpan(place, 1)[0]);
            Assert.Equal(expected, array.AsMemory(place, 1).Span[0]);
        }

        Assert.Throws<InvalidOperationException>(() => array.AsSpan().Length);
        IReadOnlyList<Memory<byte>> scatter = array.AsScatterList(0, Length);
        Assert.Equal([1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30], scatter.Select(memory => memory.Length));
        Assert.Equal(array[(1L << 32) + 5], scatter[4].Span[5]);
        Assert.True(_heap.GetStatistics().LiveBytes >= Length);
    }

    [Fact]
    public void IndicesAndRangesOutOfRangeAreRefused()
    {
        using NativeArray<int> array = new(_heap, 10);
        foreach (long index in new[] { -1, 10, long.MaxValue, long.MinValue })
        {
            Assert.Throws<IndexOutOfRangeException>(() => array[index]);
        }

        foreach ((long start, int length) in new[] { (-1L, 1), (11L, 0), (5L, 6), (0L, -1), (long.MaxValue, int.MaxValue) })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => array.AsSpan(start, length).Length);
            Assert.Throws<ArgumentOutOfRangeException>(() => array.AsMemory(start, length));
            Assert.Throws<ArgumentOutOfRangeException>(() => array.AsScatterList(start, length));
            Assert.Throws<ArgumentOutOfRangeException>(() => array.AsGatherList(start, length));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => array.AsGatherList(0, 10, 0));
        Assert.True(array.AsSpan(10, 0).IsEmpty);
        Assert.Empty(array.AsScatterList(10, 0));
    }

    [Fact]
    public void EverythingAfterDisposeIsRefused()
    {
        NativeArray<int> array = new(_heap, 10);
        Memory<int> memory = array.AsMemory(2, 3);
        array.Dispose();
        array.Dispose();
        Assert.Equal(0, array.Length);
        Assert.True(array.Pointer is null);
        Assert.Throws<ObjectDisposedException>(() => array[0]);
        Assert.Throws<ObjectDisposedException>(() => array.AsSpan().Length);
        Assert.Throws<ObjectDisposedException>(() => array.AsSpan(0, 0).Length);
        Assert.Throws<ObjectDisposedException>(() => array.AsMemory(0, 0));
        Assert.Throws<ObjectDisposedException>(() => array.AsScatterList(0, 0));
        Assert.Throws<ObjectDisposedException>(() => array.Resize(5));
        Assert.Throws<ObjectDisposedException>(() => array.Fill(1));
        Assert.Throws<ObjectDisposedException>(() => memory.Span.Length);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void SizesThatCannotBeAreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new NativeArray<int>(_heap, -1));
        Assert.Throws<ArgumentNullException>(() => new NativeArray<int>(null!, 1));
        Assert.Throws<OutOfMemoryException>(() => new NativeArray<Guid>(_heap, long.MaxValue));
        Assert.Throws<OutOfMemoryException>(() => new NativeArray<byte>(_heap, long.MaxValue, zeroed: true));
        Assert.Throws<ArgumentException>(() => new NativeArray<int>(_heap, 1, alignment: 0));
        Assert.Throws<ArgumentException>(() => new NativeArray<int>(_heap, 1, alignment: -64));
        Assert.Throws<ArgumentException>(() => new NativeArray<int>(_heap, 1, alignment: 48));
        using NativeArray<int> array = new(_heap, 3);
        array.Fill(8);
        Assert.Throws<OutOfMemoryException>(() => array.Resize(long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => array.Resize(-1));
        Assert.Equal([8, 8, 8], array.AsSpan().ToArray());
    }

    // A pin has no length to check, and whoever has it uses the memory's: the kernel would write behind the array.
    [Fact]
    public void AMemoryThatIsNoLongerAllThereCannotBePinned()
    {
        using NativeArray<byte> array = new(_heap, 1_000_000);
        IReadOnlyList<Memory<byte>> list = array.AsScatterList(0, 1_000_000, maxSegmentBytes: 300_000);
        array.Resize(400_000);
        list[0].Pin().Dispose();
        Assert.Throws<ArgumentOutOfRangeException>(() => list[1].Pin().Dispose());
        Assert.Throws<ArgumentOutOfRangeException>(() => list[3].Pin().Dispose());
        array.AsMemory(0, 400_000).Pin().Dispose();
        array.Resize(1_000_000);
        list[1].Pin().Dispose();
    }

    [Fact]
    public void ResizingKeepsElementsAlignmentAndMemories()
    {
        foreach (long alignment in new[] { 1L, 64, 4_096, 1 << 21 })
        {
            using NativeArray<long> array = new(_heap, 100, zeroed: true, alignment);
            Memory<long> memory = array.AsMemory(10, 20);
            foreach (long length in new[] { 200L, 40_000, 300_000, 3_000_000, 2_000_000, 50 })
            {
                long old = array.Length;
                array.Resize(length, zeroed: true);
                Assert.Equal((nuint)0, (nuint)array.Pointer % (nuint)alignment);
                for (long i = old; i < length; i++)
                {
                    Assert.True(array[i] == 0);
                    array[i] = i;
                }

                for (long i = 100; i < length; i++)
                {
                    Assert.True(array[i] == i);
                }

                array[15] = length;
                Assert.Equal(length, memory.Span[5]);
            }

            array.Resize(20);
            Assert.Throws<ArgumentOutOfRangeException>(() => memory.Span.Length);
        }

        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void ScatterAndGatherListsGoThroughARealFile()
    {
        string path = Path.GetTempFileName();
        try
        {
            using NativeArray<long> source = new(_heap, 1_000_000);
            for (long i = 0; i < source.Length; i++)
            {
                source[i] = i * 3;
            }

            using (SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
            {
                RandomAccess.Write(file, source.AsGatherList(1, source.Length - 1, 1_000_001), fileOffset: 0);
            }

            using NativeArray<long> target = new(_heap, 999_999, zeroed: true);
            using (SafeFileHandle file = File.OpenHandle(path))
            {
                Assert.Equal(7_999_992, RandomAccess.GetLength(file));
                Assert.Equal(7_999_992, RandomAccess.Read(file, target.AsScatterList(0, target.Length, 77_777), fileOffset: 0));
            }

            for (long i = 0; i < target.Length; i++)
            {
                Assert.True(target[i] == (i + 1) * 3);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void PinnedElementsStayWhenTheArrayMoves()
    {
        NativeArray<int> array = new(_heap, 4);
        array.Fill(6);
        MemoryHandle handle = array.AsMemory(1, 2).Pin();
        array.Resize(1_000_000);
        array.Fill(7);
        array.Dispose();
        Assert.Equal(6, *(int*)handle.Pointer);

        // Both blocks: which of them a pin is for is not told apart.
        Assert.Equal(2, _heap.GetStatistics().LiveBlocks);
        handle.Dispose();
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
    }
}
