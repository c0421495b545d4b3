using System;
using System.Buffers;
using System.IO;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Hakmem.Tests.Integration;

// Unmanaged buffers where a .NET service has them: pipes, sockets on loopback, files. The bytes that arrive are those that were sent,
// and in the end nothing is rented.
public sealed class PipelineTests : IDisposable
{
    private const int Length = 3_000_001;

    private readonly HakmemAllocator _heap = new();
    private readonly byte[] _sent = new byte[Length];

    public PipelineTests()
    {
        new Random(5).NextBytes(_sent);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _heap.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APipeOverThePoolCarriesEveryByte(bool recycles)
    {
        using NativeMemoryPool pool = new(_heap, new NativeMemoryPoolOptions { RecycleOwners = recycles, LeakTracking = LeakTracking.Count });
        Pipe pipe = new(new PipeOptions(pool, minimumSegmentSize: 4_096));
        Task writing = WriteInPiecesAsync(pipe.Writer);
        byte[] hash = await HashAsync(pipe.Reader);
        await writing;
        Assert.Equal(SHA256.HashData(_sent), hash);
        AssertNothingIsOut(pool);
    }

    [Fact]
    public async Task APipeReaderOverAStreamReadsIntoThePool()
    {
        using NativeMemoryPool pool = new(_heap);
        using NativeMemoryStream stream = new(_heap);
        stream.Write(_sent);
        stream.Position = 0;
        PipeReader reader = PipeReader.Create(stream, new StreamPipeReaderOptions(pool, bufferSize: 10_000));
        Assert.Equal(SHA256.HashData(_sent), await HashAsync(reader));
        AssertNothingIsOut(pool);
    }

    [Fact]
    public async Task SocketsSendFromAndReceiveIntoUnmanagedMemory()
    {
        using NativeMemoryPool pool = new(_heap);
        using NativeMemoryStream received = new(_heap);
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        Task sending = SendAsync((IPEndPoint)listener.LocalEndPoint!);
        using Socket socket = await listener.AcceptAsync(Cancellation);

        // Straight into a rental, then straight into the stream's own chunks, by turns.
        using IMemoryOwner<byte> owner = pool.Rent(20_000);
        int count;
        do
        {
            count = await socket.ReceiveAsync(owner.Memory, Cancellation);
            received.Write(owner.Memory.Span[..count]);
            if (count > 0)
            {
                count = await socket.ReceiveAsync(received.GetMemory(10_000), Cancellation);
                received.Advance(count);
            }
        }
        while (count > 0);

        await sending;
        Assert.Equal(SHA256.HashData(_sent), SHA256.HashData(received.ToArray()));
        owner.Dispose();
        AssertNothingIsOut(pool);
    }

    [Fact]
    public async Task FilesAreReadStraightIntoEveryKindOfBuffer()
    {
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllBytesAsync(path, _sent, Cancellation);
            using SafeFileHandle file = File.OpenHandle(path, options: FileOptions.Asynchronous);
            ReadIntoScope(file);

            using IMemoryOwner<byte> owner = NativeMemoryPool.Shared.Rent(Length);
            Assert.Equal(Length, await RandomAccess.ReadAsync(file, owner.Memory, fileOffset: 0, Cancellation));
            Assert.True(owner.Memory.Span.SequenceEqual(_sent));

            using NativeBufferWriter<byte> writer = new(_heap);
            int count;
            while ((count = await RandomAccess.ReadAsync(file, writer.GetMemory(50_000), writer.WrittenCount, Cancellation)) > 0)
            {
                writer.Advance(count);
            }

            Assert.True(writer.WrittenSpan.SequenceEqual(_sent));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private void ReadIntoScope(SafeFileHandle file)
    {
        using NativeBuffer<byte> buffer = _heap.Rent<byte>(Length, alignment: 4_096);
        Assert.Equal(Length, RandomAccess.Read(file, buffer.Span, fileOffset: 0));
        Assert.True(buffer.Span.SequenceEqual(_sent));
    }

    private async Task WriteInPiecesAsync(PipeWriter writer)
    {
        Random random = new(3);
        for (int done = 0; done < Length;)
        {
            Memory<byte> room = writer.GetMemory(random.Next(1, 9_000));
            int count = Math.Min(room.Length, Length - done);
            _sent.AsMemory(done, count).CopyTo(room);
            writer.Advance(count);
            done += count;
            await writer.FlushAsync(Cancellation);
        }

        await writer.CompleteAsync();
    }

    private static async Task<byte[]> HashAsync(PipeReader reader)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        while (true)
        {
            ReadResult result = await reader.ReadAsync(Cancellation);

            // Not all of it each time, so that segments are kept and reused in different orders.
            ReadOnlySequence<byte> part = result.IsCompleted ? result.Buffer : result.Buffer.Slice(0, (result.Buffer.Length + 1) / 2);
            foreach (ReadOnlyMemory<byte> memory in part)
            {
                hash.AppendData(memory.Span);
            }

            reader.AdvanceTo(part.End);
            if (result.IsCompleted)
            {
                await reader.CompleteAsync();
                return hash.GetHashAndReset();
            }
        }
    }

    private async Task SendAsync(IPEndPoint address)
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(address, Cancellation);
        using NativeArray<byte> array = new(_heap, Length);
        _sent.CopyTo(array.AsSpan());
        for (int done = 0; done < Length;)
        {
            done += await socket.SendAsync(array.AsMemory(done, Math.Min(100_000, Length - done)), SocketFlags.None, Cancellation);
        }
    }

    private static void AssertNothingIsOut(NativeMemoryPool pool)
    {
        NativeMemoryPoolStatistics statistics = pool.GetStatistics();
        Assert.Equal(0, statistics.RentedCount);
        Assert.Equal(0, statistics.RentedBytes);
        Assert.Equal(0, statistics.LeakedCount);
        Assert.Equal(0, statistics.LateDisposeCount);
    }
}
