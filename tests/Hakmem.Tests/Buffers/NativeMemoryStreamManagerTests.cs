using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// Streams of a manager: their names, limits and events, and what reads and writes without the position.
public sealed class NativeMemoryStreamManagerTests : IDisposable
{
    private readonly HakmemAllocator _heap = new(new HakmemOptions { Hardening = HardeningLevel.Checked });

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void EachOverloadSaysWhatItWasGiven()
    {
        NativeMemoryStreamManager manager = new(_heap, new NativeMemoryStreamManagerOptions { ChunkBytes = 256 });
        Guid id = Guid.NewGuid();
        byte[] bytes = [.. Enumerable.Range(0, 1_000).Select(i => (byte)i)];
        NativeMemoryStream[] streams =
        [
            manager.GetStream(), manager.GetStream(id), manager.GetStream("tag"), manager.GetStream(id, "tag"),
            manager.GetStream("tag", 1_000), manager.GetStream(id, "tag", 1_000),
            manager.GetStream(id, "tag", 1_000, isContiguous: true),
            manager.GetStream(bytes), manager.GetStream(bytes.AsSpan()), manager.GetStream("tag", bytes.AsSpan()),
            manager.GetStream(id, "tag", bytes.AsSpan()), manager.GetStream("tag", bytes, 10, 20),
            manager.GetStream(id, "tag", bytes, 10, 20),
        ];
        Assert.Equal([1, 3, 5, 6, 10, 12], IndicesOf(streams, stream => stream.Id == id));
        Assert.Equal([2, 3, 4, 5, 6, 9, 10, 11, 12], IndicesOf(streams, stream => stream.Tag == "tag"));
        Assert.Equal([4, 5, 6, 7, 8, 9, 10], IndicesOf(streams, stream => stream.Capacity >= 1_000));
        Assert.Equal([7, 8, 9, 10], IndicesOf(streams, stream => stream.ToArray().AsSpan().SequenceEqual(bytes)));
        Assert.Equal(
            [11, 12], IndicesOf(streams, stream => stream.ToArray().AsSpan().SequenceEqual(bytes.AsSpan(10, 20))));
        Assert.All(streams, stream => Assert.Equal(0, stream.Position));
        Assert.Equal(streams.Length, streams.Where(stream => stream.Id != id)
            .Select(stream => stream.Id).Distinct().Count() + 6);
        Assert.Equal(13, manager.GetStatistics().OpenCount);
        Array.ForEach(streams, stream => stream.Dispose());
        Assert.Equal(0, manager.GetStatistics().OpenCount);
        Assert.Equal(13, manager.GetStatistics().CreatedCount);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void AContiguousStreamIsInOnePiece()
    {
        NativeMemoryStreamManager manager = new(_heap, new NativeMemoryStreamManagerOptions { ChunkBytes = 256 });
        using NativeMemoryStream stream = manager.GetStream(null, 5_000, isContiguous: true);
        stream.Write(new byte[5_000]);
        Assert.True(stream.TryGetContents(out ReadOnlyMemory<byte> contents));
        Assert.Equal(5_000, contents.Length);
        using NativeMemoryStream chunked = manager.GetStream(null, 5_000);
        chunked.Write(new byte[5_000]);
        Assert.False(chunked.TryGetContents(out _));
    }

    [Fact]
    public void EventsTellWhatHappenedInOrder()
    {
        NativeMemoryStreamManager manager =
            new(_heap, new NativeMemoryStreamManagerOptions { MaxStreamBytes = 1_000, CaptureStacks = true });
        List<string> events = [];
        manager.StreamCreated += (sender, e) =>
            events.Add($"created {e.Tag} {e.RequestedBytes} {e.CapacityBytes >= 100} {sender == manager}");
        manager.StreamDisposed += (_, e) =>
            events.Add($"disposed {e.Tag} {e.Length} {e.Lifetime >= TimeSpan.Zero} {Names(e.DisposeStack)}");
        manager.StreamDoubleDisposed += (_, e) =>
            events.Add($"again {e.Tag} {Names(e.FirstDisposeStack)} {Names(e.SecondDisposeStack)}");
        manager.StreamConvertedToArray += (_, e) => events.Add($"array {e.Tag} {e.Length} {Names(e.Stack)}");
        manager.StreamOverCapacity += (_, e) =>
            events.Add($"over {e.Tag} {e.RequestedBytes} {e.MaxBytes} {Names(e.AllocationStack)}");
        NativeMemoryStream stream = manager.GetStream("it", 100);
        stream.Write(new byte[30]);
        _ = stream.ToArray();
        Assert.Throws<OutOfMemoryException>(() => stream.Write(new byte[971]));
        stream.Dispose();
        stream.Close();
        Assert.Equal(
            [
                "created it 100 True True", "array it 30 True", "over it 1001 1000 True", "disposed it 30 True True",
                "again it True True",
            ],
            events);
        NativeMemoryStreamManagerStatistics counts = manager.GetStatistics();
        Assert.Equal((1, 1, 1), (counts.ConvertedToArrayCount, counts.OverCapacityCount, counts.DoubleDisposedCount));

        static bool Names(System.Diagnostics.StackTrace? stack) =>
            stack!.ToString().Contains(nameof(EventsTellWhatHappenedInOrder), StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutTheOptionEventsHaveNoStacks()
    {
        NativeMemoryStreamManager manager = new(_heap);
        int events = 0;
        manager.StreamDisposed += (_, e) => events += e.AllocationStack is null && e.DisposeStack is null ? 1 : 0;
        manager.StreamDoubleDisposed += (_, e) =>
            events += e.FirstDisposeStack is null && e.SecondDisposeStack is null ? 10 : 0;
        NativeMemoryStream stream = manager.GetStream();
        stream.Dispose();
        stream.Dispose();
        Assert.Equal(11, events);
    }

    [Fact]
    public void ADroppedStreamIsReportedAndNotFreed()
    {
        using HakmemAllocator heap = new();
        NativeMemoryStreamManager manager = new(heap);
        List<string?> dropped = [];
        manager.StreamFinalized += (_, e) => dropped.Add(e.Tag);
        Drop(manager);
        for (int i = 0; i < 50 && dropped.Count == 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(["dropped"], dropped);
        Assert.Equal(1, heap.GetStatistics().LiveBlocks);
        Assert.Equal((1, 0, 2), (manager.GetStatistics().LeakedCount, manager.GetStatistics().OpenCount,
            manager.GetStatistics().CreatedCount));

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Drop(NativeMemoryStreamManager manager)
        {
            manager.GetStream("disposed").Dispose();
            manager.GetStream("dropped").WriteByte(1);
        }
    }

    // Each way to become longer, at the limit and one byte beyond it.
    [Fact]
    public void TheLimitOfAStreamIsExactAndARefusalChangesNothing()
    {
        NativeMemoryStreamManager manager =
            new(_heap, new NativeMemoryStreamManagerOptions { ChunkBytes = 256, MaxStreamBytes = 1_000 });
        Action<NativeMemoryStream, int>[] ways =
        [
            (stream, bytes) => stream.Write(new byte[bytes]),
            (stream, bytes) => stream.SetLength(stream.Length + bytes),
            (stream, bytes) => { stream.Write(new byte[bytes - 1]); stream.WriteByte(1); },
            (stream, bytes) => { stream.GetSpan(bytes)[..bytes].Fill(1); stream.Advance(bytes); },
            (stream, bytes) =>
            {
                stream.GetMemory(1).Span[0] = 1;
                stream.Advance(1);
                stream.Write(new byte[bytes - 1]);
            },
            (stream, bytes) => stream.Capacity = stream.Length + bytes,
            (stream, bytes) => { stream.Position += bytes - 1; stream.WriteByte(1); },
        ];
        foreach (Action<NativeMemoryStream, int> way in ways)
        {
            using NativeMemoryStream stream = manager.GetStream();
            stream.Write(new byte[100]);
            Assert.Throws<OutOfMemoryException>(() => way(stream, 901));
            stream.SetLength(100);
            stream.Position = 100;
            way(stream, 900);
            Assert.InRange(stream.Length, 100, 1_000);
        }

        Assert.Throws<OutOfMemoryException>(() => manager.GetStream("t", 1_001));
        Assert.Throws<OutOfMemoryException>(() => manager.GetStream(new byte[1_001]));
        using NativeMemoryStream full = manager.GetStream(new byte[1_000]);
        full.Position = 1_000;
        Assert.Throws<OutOfMemoryException>(() => full.GetSpan().Length);
        full.Position = 999;
        Assert.Equal(1, full.GetSpan().Length);
        full.Dispose();
        Assert.Equal(0, manager.GetStatistics().OpenCount);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void ToArrayThrowsIfTheManagerSaysSo()
    {
        NativeMemoryStreamManager manager = new(_heap, new NativeMemoryStreamManagerOptions { ThrowsOnToArray = true });
        using NativeMemoryStream stream = manager.GetStream("abc"u8);
        Assert.Throws<NotSupportedException>(() => stream.ToArray());
        byte[] copy = new byte[3];
        stream.WriteTo(copy);
        Assert.Equal("abc"u8.ToArray(), copy);
        Assert.Equal(1, manager.GetStatistics().ConvertedToArrayCount);
    }

    [Fact]
    public void AHandlerThatThrowsLosesNothing()
    {
        NativeMemoryStreamManager manager = new(_heap);
        manager.StreamCreated += (_, _) => throw new TimeoutException();
        Assert.Throws<TimeoutException>(() => manager.GetStream("t", 1_000));
        Assert.Equal((0, 0), (manager.GetStatistics().OpenCount, manager.GetStatistics().CreatedCount));
        NativeMemoryStreamManager other = new(_heap);
        other.StreamDisposed += (_, _) => throw new TimeoutException();
        NativeMemoryStream stream = other.GetStream("t", 1_000);
        Assert.Throws<TimeoutException>(stream.Dispose);
        Assert.False(stream.CanRead);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void WrongArgumentsAreRefused()
    {
        NativeMemoryStreamManager manager = new(_heap);
        Assert.Throws<ArgumentNullException>(() => new NativeMemoryStreamManager(null!));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new NativeMemoryStreamManager(_heap, new NativeMemoryStreamManagerOptions { ChunkBytes = 100 }));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => new NativeMemoryStreamManager(_heap, new NativeMemoryStreamManagerOptions { MaxStreamBytes = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => manager.GetStream("t", -1));
        Assert.Throws<ArgumentNullException>(() => manager.GetStream((byte[])null!));
        Assert.Throws<ArgumentNullException>(() => manager.GetStream("t", null!, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => manager.GetStream("t", new byte[5], 3, 3));
        Assert.Equal(0, manager.GetStatistics().CreatedCount);
        using NativeMemoryStream alone = new(_heap);
        Assert.Equal(Guid.Empty, alone.Id);
        Assert.Null(alone.Tag);
    }

    [Fact]
    public void ATagsAllocatorCountsAndLimitsTheStreams()
    {
        using MemoryTag tag = new("streams", hardBytes: 1 << 20);
        NativeMemoryStreamManager manager = new(_heap.ForTag(tag));
        using (NativeMemoryStream stream = manager.GetStream(new byte[100_000]))
        {
            Assert.InRange(tag.LiveBytes, 100_000, 200_000);
            Assert.Throws<OutOfMemoryException>(() => stream.SetLength(4 << 20));
            Assert.Equal(100_000, stream.Length);
        }

        Assert.Equal(0, tag.LiveBytes);
    }

    // Of a chunk, and of the block beside the stream that a large request gets.
    [Theory]
    [InlineData(10)]
    [InlineData(1_000)]
    public void ARoomMayBeAddedInSeveralSteps(int sizeHint)
    {
        using NativeMemoryStream stream = new(_heap, chunkBytes: 256);
        stream.Write("head"u8);
        Span<byte> room = stream.GetSpan(sizeHint)[..sizeHint];
        for (int i = 0; i < room.Length; i++)
        {
            room[i] = (byte)i;
        }

        stream.Advance(3);
        stream.Advance(0);
        stream.Advance(sizeHint - 3);
        Assert.Equal([.. "head"u8, .. Enumerable.Range(0, sizeHint).Select(i => (byte)i)], stream.ToArray());
        Assert.Equal(4 + sizeHint, stream.Position);
    }

    [Fact]
    public void SafeReadsMoveTheCallersPositionAlone()
    {
        using NativeMemoryStream stream = new(_heap, chunkBytes: 256);
        byte[] bytes = [.. Enumerable.Range(0, 1_000).Select(i => (byte)i)];
        stream.Write(bytes);
        long position = 200;
        byte[] read = new byte[300];
        Assert.Equal(300, stream.SafeRead(read, ref position));
        Assert.Equal(bytes[200..500], read);
        Assert.Equal(500, position);
        Assert.Equal(100, stream.SafeRead(read, 50, 100, ref position));
        Assert.Equal(bytes[500..600], read[50..150]);
        Assert.Equal(bytes[600], stream.SafeReadByte(ref position));
        position = 990;
        Assert.Equal(10, stream.SafeRead(read, ref position));
        Assert.Equal(-1, stream.SafeReadByte(ref position));
        Assert.Equal(1_000, position);
        position = 5_000;
        Assert.Equal(0, stream.SafeRead(read, ref position));
        position = -1;
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.SafeRead(read, ref position));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.SafeReadByte(ref position));
        Assert.Equal(1_000, stream.Position);
        Workers.Run(4, worker =>
        {
            long own = worker;
            for (int i = worker; i < 1_000; i++)
            {
                Assert.Equal(bytes[i], stream.SafeReadByte(ref own));
            }
        });
    }

    [Fact]
    public void PartsAreWrittenToStreamsAndArrays()
    {
        using NativeMemoryStream stream = new(_heap, chunkBytes: 256);
        byte[] bytes = [.. Enumerable.Range(0, 1_000).Select(i => (byte)i)];
        stream.Write(bytes);
        stream.Position = 7;
        using MemoryStream other = new();
        stream.WriteTo(other, 100, 700);
        Assert.Equal(bytes[100..800], other.ToArray());
        byte[] target = new byte[1_000];
        stream.WriteTo(target);
        Assert.Equal(bytes, target);
        byte[] part = new byte[310];
        stream.WriteTo(part, 250, 300, 10);
        Assert.Equal(bytes[250..550], part[10..]);
        stream.WriteTo(part, 1_000, 0);
        Assert.Equal(7, stream.Position);
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.WriteTo(other, 900, 101));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.WriteTo(other, -1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.WriteTo(other, 1, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.WriteTo(part, 0, 311));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.WriteTo(part, 0, 300, 11));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.WriteTo(new byte[999]));
        Assert.Throws<ArgumentNullException>(() => stream.WriteTo((Stream)null!, 0, 1));
        Assert.Throws<ArgumentNullException>(() => stream.WriteTo((byte[])null!));

        // To itself, over what is to be read.
        stream.Position = 300;
        stream.WriteTo(stream, 200, 700);
        Assert.Equal([.. bytes[..300], .. bytes[200..900]], stream.ToArray());
    }

    private static int[] IndicesOf(NativeMemoryStream[] streams, Func<NativeMemoryStream, bool> isSo) =>
        [.. Enumerable.Range(0, streams.Length).Where(i => isSo(streams[i]))];
}
