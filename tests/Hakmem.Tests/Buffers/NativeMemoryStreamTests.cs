using System;
using System.Buffers;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// What the comparison with MemoryStream does not reach: sizes it cannot have, cancellation, the ends of things.
public sealed class NativeMemoryStreamTests : IDisposable
{
    // The default.
    private const int ChunkBytes = 256 * 1024;

    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public void AStreamGoesPastTwoGibibytes()
    {
        // Chunks that are skipped are zeroed and fresh: of the five gibibytes only what is written takes memory.
        const long Far = (5L << 30) - 3;
        using NativeMemoryStream stream = new(_heap, chunkBytes: 1 << 20);
        stream.Write("start"u8);
        stream.Position = Far;
        stream.Write("end"u8);
        Assert.Equal(5L << 30, stream.Length);
        Assert.Equal(0, stream.Seek((1L << 31) - stream.Length, SeekOrigin.End) - (1L << 31));
        Assert.Equal(0, stream.ReadByte());
        stream.Position = Far - 2;
        byte[] tail = new byte[10];
        Assert.Equal(5, stream.Read(tail));
        Assert.Equal("\0\0end"u8.ToArray(), tail[..5]);
        Assert.Equal(5L << 30, stream.GetReadOnlySequence().Length);
        Assert.Equal("end"u8.ToArray(), stream.GetReadOnlySequence().Slice(Far).ToArray());
        Assert.Throws<InvalidOperationException>(stream.ToArray);
        stream.SetLength(5);
        stream.Capacity = 5;
        Assert.InRange(_heap.GetStatistics().LiveBytes, 1, 1 << 20);
        Assert.Equal("start"u8.ToArray(), stream.ToArray());
    }

    [Fact]
    public void ASmallStreamHoldsLessThanAChunk()
    {
        using NativeMemoryStream stream = new(_heap);
        Assert.Equal(0, _heap.GetStatistics().LiveBlocks);
        stream.Write(new byte[300]);
        Assert.InRange(_heap.GetStatistics().LiveBytes, 300, 1_024);
        stream.Write(new byte[ChunkBytes]);
        Assert.Equal(2, _heap.GetStatistics().LiveBlocks);
        Assert.Equal(2 * ChunkBytes, stream.Capacity);
    }

    [Fact]
    public void CancelledTokensStopBeforeAnythingIsDone()
    {
        using NativeMemoryStream stream = new(_heap);
        stream.Write("abc"u8);
        stream.Position = 1;
        CancellationToken cancelled = new(canceled: true);
        byte[] buffer = new byte[2];
        Assert.True(stream.ReadAsync(buffer.AsMemory(), cancelled).AsTask().IsCanceled);
        Assert.True(stream.ReadAsync(buffer, 0, 2, cancelled).IsCanceled);
        Assert.True(stream.WriteAsync(buffer.AsMemory(), cancelled).AsTask().IsCanceled);
        Assert.True(stream.WriteAsync(buffer, 0, 2, cancelled).IsCanceled);
        Assert.True(stream.CopyToAsync(Stream.Null, cancelled).IsCanceled);
        Assert.True(stream.FlushAsync(cancelled).IsCanceled);
        Assert.Equal(1, stream.Position);
        Assert.Equal("abc"u8.ToArray(), stream.ToArray());
    }

    [Fact]
    public void AfterDisposeTheStreamIsClosedAsAMemoryStreamIs()
    {
        NativeMemoryStream stream = new(_heap);
        stream.Write(new byte[200_000]);
        ReadOnlySequence<byte> sequence = stream.GetReadOnlySequence();
        stream.Dispose();
        stream.Dispose();
        MemoryStream model = new();
        model.Dispose();
        Action<Stream>[] calls =
        [
            s => s.ReadByte(), s => s.ReadExactly(new byte[1], 0, 1), s => _ = s.Length, s => _ = s.Position, s => s.Position = 1,
            s => s.Seek(0, SeekOrigin.Begin), s => s.WriteByte(1), s => s.Write(new byte[1], 0, 1), s => s.CopyTo(Stream.Null),
            s => s.ReadAsync(new byte[1], 0, 1).GetAwaiter().GetResult(), s => s.WriteAsync(new byte[1], 0, 1).GetAwaiter().GetResult(),
        ];
        foreach (Action<Stream> call in calls)
        {
            Assert.Throws<ObjectDisposedException>(() => call(model));
            Assert.Throws<ObjectDisposedException>(() => call(stream));
        }

        Assert.Throws<ObjectDisposedException>(stream.ToArray);
        Assert.Throws<ObjectDisposedException>(() => stream.GetReadOnlySequence());
        Assert.Throws<ObjectDisposedException>(() => stream.TryGetContents(out _));
        Assert.Throws<ObjectDisposedException>(() => stream.GetSpan().Length);
        Assert.Throws<ObjectDisposedException>(() => stream.Advance(0));
        Assert.Throws<ObjectDisposedException>(() => stream.SetLength(1));
        Assert.Throws<ObjectDisposedException>(() => stream.WriteTo(Stream.Null));
        Assert.Throws<ObjectDisposedException>(() => sequence.First.Span.Length);
        Assert.False(stream.CanRead || stream.CanSeek || stream.CanWrite);
        stream.Flush();
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }

    [Fact]
    public void ThereIsNoArrayAndItSaysSo()
    {
        using NativeMemoryStream stream = new(_heap);
        stream.Write("abc"u8);
        Assert.False(stream.TryGetBuffer(out ArraySegment<byte> buffer));
        Assert.Null(buffer.Array);
        Assert.True(stream.TryGetContents(out ReadOnlyMemory<byte> contents));
        Assert.Equal("abc"u8.ToArray(), contents.ToArray());
        stream.Write(new byte[ChunkBytes]);
        Assert.False(stream.TryGetContents(out _));
    }

    [Fact]
    public void AdvanceWithoutOrBeyondARequestIsRefused()
    {
        using NativeMemoryStream stream = new(_heap, chunkBytes: 256);
        Assert.Throws<InvalidOperationException>(() => stream.Advance(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.GetSpan(-1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Advance(-1));
        int room = stream.GetSpan(10).Length;
        Assert.Throws<InvalidOperationException>(() => stream.Advance(room + 1));
        stream.GetSpan(10)[0] = 1;
        stream.WriteByte(2);
        Assert.Throws<InvalidOperationException>(() => stream.Advance(1));
        Assert.Equal([2], stream.ToArray());

        // More than a chunk: from a block beside the stream.
        stream.GetSpan(1_000)[..1_000].Fill(7);
        stream.Advance(1_000);
        Assert.Equal(1_001, stream.Length);
        stream.Position = 1;
        byte[] read = new byte[1_000];
        stream.ReadExactly(read);
        Assert.Equal(-1, read.AsSpan().IndexOfAnyExcept((byte)7));
    }

    [Fact]
    public void MisuseIsRefused()
    {
        Assert.Throws<ArgumentNullException>(() => new NativeMemoryStream(null!));
        foreach (int chunkBytes in new[] { 0, -1, 128, 300, int.MaxValue })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => new NativeMemoryStream(_heap, chunkBytes));
        }

        using NativeMemoryStream stream = new(_heap);
        stream.Write(new byte[10]);
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.Capacity = 9);
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.SetLength(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => stream.SetLength(long.MaxValue));
        Assert.Throws<ArgumentException>(() => stream.Seek(0, (SeekOrigin)9));
        Assert.Throws<ArgumentNullException>(() => stream.WriteTo((Stream)null!));
        stream.Position = long.MaxValue;
        Assert.Throws<IOException>(() => stream.WriteByte(1));
        Assert.Throws<IOException>(() => stream.GetSpan(1).Length);
        Assert.Equal(-1, stream.ReadByte());
        Assert.Equal(10, stream.Length);
    }

    [Fact]
    public void AtTheHeapsLimitTheStreamIsAsItWas()
    {
        using HakmemAllocator heap = new(new HakmemOptions { MaxBytes = 8 << 20 });
        using NativeMemoryStream stream = new(heap);
        stream.Write("kept"u8);
        long capacity = stream.Capacity;
        Assert.Throws<OutOfMemoryException>(() => stream.SetLength(50 << 20));
        Assert.Throws<OutOfMemoryException>(() => stream.Write(new byte[50 << 20]));
        Assert.Equal("kept"u8.ToArray(), stream.ToArray());
        Assert.InRange(stream.Capacity, capacity, ChunkBytes);
        stream.Write(new byte[1 << 20]);
    }

    [Fact]
    public async Task CopyToAsyncGoesChunkByChunkOverRealAwaits()
    {
        using NativeMemoryStream source = new(_heap, chunkBytes: 4_096);
        byte[] expected = new byte[50_000];
        new Random(1).NextBytes(expected);
        source.Write(expected);
        source.Position = 100;
        string path = Path.GetTempFileName();
        try
        {
            await using (FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.None, 0, useAsync: true))
            {
                await source.CopyToAsync(file, TestContext.Current.CancellationToken);
            }

            Assert.Equal(50_000, source.Position);
            byte[] copied = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
            Assert.Equal(expected[100..], copied);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void AMemoryOfAStreamThatWasCutOffCannotBePinned()
    {
        using NativeMemoryStream stream = new(_heap, ChunkBytes);
        stream.Write(new byte[ChunkBytes / 2]);
        Assert.True(stream.TryGetContents(out ReadOnlyMemory<byte> before));
        before.Pin().Dispose();
        stream.SetLength(300);
        stream.Capacity = 300;
        Assert.Throws<ArgumentOutOfRangeException>(() => before.Pin().Dispose());
        Assert.True(stream.TryGetContents(out ReadOnlyMemory<byte> after));
        after.Pin().Dispose();
    }

    [Fact]
    public void AnyOtherCallEndsWhatWasHandedOut()
    {
        Action<NativeMemoryStream>[] others =
        [
            s => s.Position = 3, s => s.Seek(0, SeekOrigin.End), s => s.ReadByte(), s => Assert.Equal(0, s.Read(new byte[1], 0, 1)), s => s.CopyTo(Stream.Null),
            s => s.CopyToAsync(Stream.Null).GetAwaiter().GetResult(), s => s.WriteByte(1), s => s.Write("a"u8), s => s.SetLength(1), s => s.Capacity = 3,
        ];
        foreach (Action<NativeMemoryStream> other in others)
        {
            using NativeMemoryStream stream = new(_heap);
            stream.Write("abc"u8);
            _ = stream.GetSpan(10);
            other(stream);
            Assert.Throws<InvalidOperationException>(() => stream.Advance(1));
        }
    }

    [Theory]
    [InlineData(10)]
    [InlineData(ChunkBytes + 1)]
    public void AdvancingByNothingLengthensNothing(int handedOut)
    {
        using NativeMemoryStream stream = new(_heap, ChunkBytes);
        stream.Position = 1_000;
        _ = stream.GetSpan(handedOut);
        stream.Advance(0);
        Assert.Equal(0, stream.Length);
    }

    [Fact]
    public void SettingTheCapacityFreesTheBlockOfALargeRoom()
    {
        using NativeMemoryStream stream = new(_heap, chunkBytes: 256);
        Memory<byte> room = stream.GetMemory(1 << 20);
        room.Span[..100].Fill(7);
        stream.Advance(100);
        using (room.Pin())
        {
            stream.Capacity = stream.Length;
            Assert.Equal(2, _heap.GetStatistics().LiveBlocks);
        }

        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
        Assert.InRange(_heap.GetStatistics().LiveBytes, 100, 1_000);
        Assert.Throws<ObjectDisposedException>(() => room.Span.Length);
        stream.GetSpan(1_000)[..1_000].Fill(7);
        stream.Advance(1_000);
        Assert.Equal(1_100, stream.ToArray().AsSpan().Count((byte)7));
    }

    // A cancellation amid the copy comes too late.
    [Fact]
    public async Task ACopyToAnotherSuchStreamIsNotCutShort()
    {
        using NativeMemoryStream source = new(_heap, chunkBytes: 256);
        source.SetLength(32 << 20);
        for (int round = 0; round < 5; round++)
        {
            source.Position = 0;
            using NativeMemoryStream target = new(_heap);
            using CancellationTokenSource cancellation = new();
            using ManualResetEventSlim isWatching = new();
            bool isOver = false;
            Thread watcher = new(() =>
            {
                isWatching.Set();
                while (!Volatile.Read(ref isOver) && target.Length == 0)
                {
                    Thread.SpinWait(1);
                }

                cancellation.Cancel();
            });
            watcher.Start();
            isWatching.Wait(TestContext.Current.CancellationToken);
            Exception? end = await Record.ExceptionAsync(() => source.CopyToAsync(target, cancellation.Token));
            Volatile.Write(ref isOver, true);
            watcher.Join();
            Assert.Null(end);
            Assert.Equal(source.Length, target.Length);
            Assert.Equal(source.Length, source.Position);
        }
    }

    // The first request that no chunk has room for is refused by the heap's limit.
    [Fact]
    public void ARequestThatIsRefusedHandsNothingOut()
    {
        using HakmemAllocator small = new(new HakmemOptions { MaxBytes = 16 << 20 });
        using NativeMemoryStream stream = new(small, ChunkBytes);
        stream.Write("abc"u8);
        using NativeBuffer<byte> rest = small.Rent<byte>(12 << 20);
        Assert.Throws<OutOfMemoryException>(() => stream.GetSpan(3 << 20));
        stream.Advance(0);
        Assert.Throws<InvalidOperationException>(() => stream.Advance(1));
        stream.Write("d"u8);
        Assert.Equal("abcd"u8.ToArray(), stream.ToArray());
    }

    // A chunk that the program has freed itself comes to light when the stream is disposed, which goes on.
    [Fact]
    public unsafe void StreamWithAFreedChunkGivesBackAllOthers()
    {
        NativeMemoryStream stream = new(_heap, chunkBytes: 4_096);
        stream.Write(new byte[5 * 4_096]);
        using (MemoryHandle handle = stream.GetReadOnlySequence().Slice(4 * 4_096).First.Pin())
        {
            _heap.Free(handle.Pointer);
        }

        Assert.Throws<HakmemCorruptionException>(stream.Dispose);
        HeapHealth.AssertWorks(_heap, expectedLiveBlocks: 0);
    }
}
