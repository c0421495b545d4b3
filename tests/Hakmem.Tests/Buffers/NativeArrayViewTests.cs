using System;
using System.Buffers;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using CsCheck;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Buffers;

// A NativeArray as a stream, a writer and a sequence.
public sealed class NativeArrayViewTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();

    public void Dispose() => _heap.Dispose();

    [Fact]
    public async Task AStreamReadsAndWritesTheBytesOfTheArray()
    {
        using NativeArray<int> array = new(_heap, 1_000, zeroed: true);
        using Stream stream = array.AsStream();
        Assert.Equal(4_000, stream.Length);
        stream.Write(BitConverter.GetBytes(1));
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        await stream.WriteAsync(BitConverter.GetBytes(2), cancellation);
        stream.Position = 3_996;
#pragma warning disable CA1835 // The older overload is tested as well.
        await stream.WriteAsync(BitConverter.GetBytes(3), 0, 4, cancellation);
#pragma warning restore CA1835
        Assert.Equal([1, 2, 0], array.AsSpan(0, 3).ToArray());
        Assert.Equal(3, array[999]);
        Assert.Equal(0, stream.Read(new byte[10], 0, 10));
        Assert.Equal(3_996, stream.Seek(-4, SeekOrigin.End));
        byte[] last = new byte[10];
        Assert.Equal(4, await stream.ReadAsync(last, cancellation));
        Assert.Equal(3, BitConverter.ToInt32(last));
        array.Resize(500);
        Assert.Equal(2_000, stream.Length);
        stream.Position = 3_000;
        Assert.Equal(0, stream.Read(new byte[10], 0, 10));
        stream.Flush();
        stream.Dispose();
        Assert.Throws<ObjectDisposedException>(() => stream.Length);
        Assert.Equal(1, array[0]);
    }

    // A stream of one length beside the framework's, but for an empty write behind the end, which throws there.
    [Fact]
    public void AStreamDoesWhatAMemoryStreamOfAFixedLengthDoes()
    {
        Gen<(int Action, int Size)> step = Gen.Select(Gen.Int[0, 4], Gen.Int[1, 400]);
        step.Array[1, 40].Sample(steps =>
        {
            byte[] fixedBytes = new byte[300];
            using NativeArray<byte> array = new(_heap, fixedBytes.Length, zeroed: true);
            using Stream stream = array.AsStream();
            using MemoryStream model = new(fixedBytes);
            foreach ((int action, int size) in steps)
            {
                byte[] bytes = [.. Enumerable.Range(size, size).Select(i => (byte)i)];
                byte[] other = new byte[size];
                string Run(Stream s, byte[] buffer)
                {
                    try
                    {
                        switch (action)
                        {
                            case 0:
                                s.Write(bytes);
                                return "";
                            case 1:
                                return $"{s.Read(buffer, 0, buffer.Length)} {Convert.ToHexString(buffer)}";
                            case 2:
                                return $"{s.Seek(size - 200, (SeekOrigin)(size % 3))}";
                            case 3:
                                s.Position = size;
                                return "";
                            default:
                                return $"{s.ReadByte()}";
                        }
                    }
                    catch (Exception failure) when (failure is NotSupportedException or IOException)
                    {
                        return failure.GetType().Name;
                    }
                }

                Assert.Equal(Run(model, other), Run(stream, new byte[size]));
                Assert.Equal(model.Position, stream.Position);
            }

            Assert.Equal(fixedBytes, array.AsSpan().ToArray());
        }, iter: 500);
    }

    [Fact]
    public void AStreamIsRefusedWhatItIsNotFor()
    {
        using NativeArray<byte> array = new(_heap, 10, zeroed: true);
        using Stream readable = array.AsStream(FileAccess.Read);
        using Stream writable = array.AsStream(FileAccess.Write);
        Assert.True(readable is { CanRead: true, CanWrite: false, CanSeek: true });
        Assert.True(writable is { CanRead: false, CanWrite: true });
        Assert.Throws<NotSupportedException>(() => readable.WriteByte(1));
        Assert.Throws<NotSupportedException>(() => writable.ReadByte());
        Assert.Throws<NotSupportedException>(() => writable.SetLength(5));
        Assert.Throws<NotSupportedException>(() => writable.Write(new byte[11]));
        Assert.True(array.AsSpan().IndexOfAnyExcept((byte)0) < 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => array.AsStream((FileAccess)4));
        Assert.Throws<ArgumentOutOfRangeException>(() => readable.Position = -1);
        Assert.Throws<IOException>(() => readable.Seek(-1, SeekOrigin.Begin));
        Assert.True(readable.ReadAsync(new byte[1], 0, 1, new CancellationToken(canceled: true)).IsCanceled);
        array.Dispose();
        Assert.Throws<ObjectDisposedException>(() => readable.ReadByte());
        Assert.Throws<ObjectDisposedException>(() => array.AsStream());
        Assert.Throws<ArgumentNullException>(() => ((NativeArray<int>)null!).AsStream());
    }

    [Fact]
    public async Task AsyncMembersOfAStreamThrowThroughTheirTasks()
    {
        using NativeArray<byte> array = new(_heap, 10, zeroed: true);
        using Stream stream = array.AsStream();
        Memory<byte> gone;
        using (IMemoryOwner<byte> owner = _heap.RentMemory<byte>(10))
        {
            gone = owner.Memory;
        }

        Task<int> read = stream.ReadAsync(gone, TestContext.Current.CancellationToken).AsTask();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => read);

        // In the build for older runtimes the framework reads into an array first.
        Type? declaring = stream.GetType().GetMethod(
            nameof(Stream.ReadAsync), [typeof(Memory<byte>), typeof(CancellationToken)])!.DeclaringType;
        bool isOwn = declaring != typeof(Stream);
        Assert.Equal(isOwn ? 0 : 10, stream.Position);
    }

    [Fact]
    public void AWriterMakesTheArrayLongerAndKeepsWhatIsWritten()
    {
        using NativeArray<int> array = new(_heap, 3, zeroed: true);
        array[0] = -1;
        NativeArrayWriter<int> writer = array.AsWriter(start: 1);
        for (int i = 0; i < 10_000; i += 4)
        {
            Span<int> room = i % 8 == 0 ? writer.GetSpan(4) : writer.GetMemory(4).Span;
            for (int j = 0; j < 4; j++)
            {
                room[j] = i + j;
            }

            writer.Advance(1);
            writer.Advance(3);
        }

        Assert.Equal(10_001, writer.Position);
        array.Resize(writer.Position);
        Assert.Equal([-1, .. Enumerable.Range(0, 10_000)], array.AsSpan().ToArray());
        Assert.Equal(1, _heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void AWriterRefusesWhatIsWrongAndIsUnchanged()
    {
        using HakmemAllocator small = new(new HakmemOptions { MaxBytes = 16 << 20 });
        NativeArray<long> array = new(small, 10);
        NativeArrayWriter<long> writer = array.AsWriter();
        Assert.Throws<InvalidOperationException>(() => writer.Advance(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Advance(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.GetSpan(-1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => array.AsWriter(11));
        Assert.Throws<ArgumentOutOfRangeException>(() => array.AsWriter(-1));
        int room = writer.GetSpan(5).Length;
        Assert.Equal(10, room);
        Assert.Throws<InvalidOperationException>(() => writer.Advance(room + 1));
        Assert.Throws<OutOfMemoryException>(() => writer.GetSpan(4 << 20).Length);
        Assert.Equal(10, array.Length);
        writer.GetSpan(10).Fill(5);
        array.Resize(4);
        Assert.Throws<InvalidOperationException>(() => writer.Advance(10));
        array.Dispose();
        Assert.Throws<ObjectDisposedException>(() => writer.GetSpan().Length);
        HeapHealth.AssertWorks(small, expectedLiveBlocks: 0);
    }

    [Fact]
    public void ASequenceHasTheElementsAndFollowsTheArray()
    {
        using NativeArray<int> array = new(_heap, 1_000);
        for (int i = 0; i < array.Length; i++)
        {
            array[i] = i;
        }

        ReadOnlySequence<int> sequence = array.AsSequence(100, 800);
        Assert.True(sequence.IsSingleSegment);
        Assert.Equal(Enumerable.Range(100, 800), sequence.ToArray());
        array.Resize(1 << 20);
        array[100] = -5;
        Assert.Equal(-5, sequence.FirstSpan[0]);
        Assert.Equal(1 << 20, array.AsSequence().Length);
        Assert.True(array.AsSequence(5, 0).IsEmpty);
        Assert.Throws<ArgumentOutOfRangeException>(() => array.AsSequence(0, (1 << 20) + 1));
        array.Dispose();
        Assert.Throws<ObjectDisposedException>(() => sequence.FirstSpan.Length);
        Assert.Throws<ObjectDisposedException>(() => array.AsSequence());
    }

    // More elements than a span has: addresses only, nothing of it is touched but the ends.
    [Fact]
    [Needs(SystemNeed.ReadableIsFree)]
    public void ASequenceAboveTwoGibiElementsHasSeveralSegments()
    {
        using NativeArray<byte> array = new(_heap, (1L << 31) + 10);
        array[(1L << 31) + 9] = 7;
        ReadOnlySequence<byte> sequence = array.AsSequence();
        Assert.Equal((1L << 31) + 10, sequence.Length);
        Assert.False(sequence.IsSingleSegment);
        Assert.Equal(7, sequence.Slice((1L << 31) + 9).FirstSpan[0]);
        using Stream stream = array.AsStream();
        stream.Position = (1L << 31) + 9;
        Assert.Equal(7, stream.ReadByte());
    }
}
