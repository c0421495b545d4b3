using System;
using System.Buffers;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using CsCheck;
using Microsoft.IO;
using Xunit;

namespace Hakmem.Adapters.Tests.Streams;

// What docs/migration.md says is the same as in Microsoft.IO.RecyclableMemoryStream, and what it says is not.
public sealed class RecyclableMemoryStreamTests
{
    private const int BlockBytes = 256;
    private const int MaxBytes = 5_000;

    // Within the contents: RecyclableMemoryStream shows old bytes in what is skipped, NativeMemoryStream zeros.
    private static readonly Gen<(StreamOperation Operation, int Size, byte Mark)> s_step = Gen.Select(
        Gen.Enum<StreamOperation>(),
        Gen.Frequency((6, Gen.Int[0, 300]), (2, Gen.Int[0, 1_500]), (1, Gen.Int[-3, 6_000])),
        Gen.Byte);

    // Results, exceptions, position, length, contents, and what the managers' events count.
    [Fact]
    public void AnySequenceOfCallsGivesTheSame()
    {
        using HakmemAllocator heap = new();
        s_step.Array[1, 60].Sample(
            steps =>
            {
                RecyclableMemoryStreamManager their = new(
                    new RecyclableMemoryStreamManager.Options
                    {
                        BlockSize = BlockBytes,
                        MaximumStreamCapacity = MaxBytes,
                    });
                NativeMemoryStreamManager our = new(
                    heap, new NativeMemoryStreamManagerOptions { ChunkBytes = BlockBytes, MaxStreamBytes = MaxBytes });
                List<string> theirEvents = EventsOf(their);
                List<string> ourEvents = EventsOf(our);
                using (RecyclableMemoryStream theirs = their.GetStream("compared"))
                using (NativeMemoryStream ours = our.GetStream("compared"))
                {
                    foreach ((StreamOperation operation, int size, byte mark) in steps)
                    {
                        string call = $"{operation} of {size} at {theirs.Position} of {theirs.Length}: ";
                        string expected = call + ResultOf(() => new TheirCalls(theirs).Run(operation, size, mark));
                        string actual = call + ResultOf(() => new OurCalls(ours).Run(operation, size, mark));
                        Assert.Equal(expected, actual);
                        Assert.Equal(theirs.Position, ours.Position);
                        Assert.Equal(theirs.Length, ours.Length);
                    }

                    Assert.Equal(theirs.GetReadOnlySequence().ToArray(), ours.GetReadOnlySequence().ToArray());
                }

                Assert.Equal(theirEvents, ourEvents);
            },
            iter: 1_000,
            print: steps => string.Join("\n", steps));
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public void StreamsOfEachOverloadHaveTheSameContentsAndPosition()
    {
        RecyclableMemoryStreamManager their = new();
        NativeMemoryStreamManager our = new();
        Guid id = Guid.NewGuid();
        byte[] bytes = [.. Enumerable.Range(0, 1_000).Select(i => (byte)i)];
        (MemoryStream Theirs, NativeMemoryStream Ours)[] pairs =
        [
            (their.GetStream(), our.GetStream()), (their.GetStream(id), our.GetStream(id)),
            (their.GetStream("t"), our.GetStream("t")),
            (their.GetStream(id, "t"), our.GetStream(id, "t")), (their.GetStream("t", 500), our.GetStream("t", 500)),
            (their.GetStream(id, "t", 500), our.GetStream(id, "t", 500)),
            (their.GetStream("t", 500, true), our.GetStream("t", 500, true)),
            (their.GetStream(id, "t", 500, true), our.GetStream(id, "t", 500, true)),
            (their.GetStream(bytes), our.GetStream(bytes)),
            (their.GetStream(bytes.AsSpan()), our.GetStream(bytes.AsSpan())),
            (their.GetStream("t", bytes.AsSpan()), our.GetStream("t", bytes.AsSpan())),
            (their.GetStream(id, "t", bytes.AsSpan()), our.GetStream(id, "t", bytes.AsSpan())),
            (their.GetStream("t", bytes, 3, 4), our.GetStream("t", bytes, 3, 4)),
            (their.GetStream(id, "t", bytes, 3, 4), our.GetStream(id, "t", bytes, 3, 4)),
        ];
        foreach ((MemoryStream theirs, NativeMemoryStream ours) in pairs)
        {
            using (theirs)
            using (ours)
            {
                Assert.Equal(theirs.Length, ours.Length);
                Assert.Equal(theirs.Position, ours.Position);
                Assert.Equal(((RecyclableMemoryStream)theirs).GetReadOnlySequence().ToArray(), ours.ToArray());
            }
        }
    }

    // The page's list of differences.
    [Fact]
    public void WhatThePageSaysDiffersDoes()
    {
        RecyclableMemoryStreamManager their = new(new RecyclableMemoryStreamManager.Options { BlockSize = BlockBytes });
        using RecyclableMemoryStream theirs = their.GetStream();
        using NativeMemoryStream ours = new NativeMemoryStreamManager().GetStream();
        foreach (Stream stream in new Stream[] { theirs, ours })
        {
            stream.Write(new byte[100]);
            stream.Position = 10;
            stream.CopyTo(Stream.Null);
        }

        Assert.Equal((10, 100), (theirs.Position, ours.Position));
        Assert.True(theirs.TryGetBuffer(out _));
        Assert.False(ours.TryGetBuffer(out _));
        Assert.True(ours.TryGetContents(out _));

        // Bytes that were cut off come back there, and are zero here.
        foreach (Stream stream in new Stream[] { theirs, ours })
        {
            stream.Position = 0;
            stream.Write([1, 2, 3]);
            stream.SetLength(1);
            stream.SetLength(3);
        }

        Assert.Equal([1, 2, 3], theirs.GetReadOnlySequence().Slice(0, 3).ToArray());
        Assert.Equal([1, 0, 0], ours.GetReadOnlySequence().ToArray());

        // A room is asked for first here.
        theirs.Advance(1);
        ours.Position = 0;
        Assert.Throws<InvalidOperationException>(() => ours.Advance(1));

        ours.Capacity = ours.Length;
        Assert.True(theirs.Capacity64 >= BlockBytes);
    }

    private static List<string> EventsOf(RecyclableMemoryStreamManager manager)
    {
        List<string> events = [];
        manager.StreamCreated += (_, e) => events.Add($"created {e.Tag} {e.RequestedSize}");
        manager.StreamDisposed += (_, e) => events.Add($"disposed {e.Tag}");
        manager.StreamLength += (_, e) => events.Add($"length {e.Length}");
        manager.StreamConvertedToArray += (_, e) => events.Add($"array {e.Tag} {e.Length}");
        manager.StreamOverCapacity += (_, e) => events.Add($"over {e.Tag} {e.RequestedCapacity} {e.MaximumCapacity}");
        return events;
    }

    private static List<string> EventsOf(NativeMemoryStreamManager manager)
    {
        List<string> events = [];
        manager.StreamCreated += (_, e) => events.Add($"created {e.Tag} {e.RequestedBytes}");
        manager.StreamDisposed += (_, e) => events.AddRange([$"disposed {e.Tag}", $"length {e.Length}"]);
        manager.StreamConvertedToArray += (_, e) => events.Add($"array {e.Tag} {e.Length}");
        manager.StreamOverCapacity += (_, e) => events.Add($"over {e.Tag} {e.RequestedBytes} {e.MaxBytes}");
        return events;
    }

    // An argument's exception may be of a derived class.
    private static string ResultOf(Func<string> call)
    {
        try
        {
            return call();
        }
        catch (ArgumentException)
        {
            return nameof(ArgumentException);
        }
        catch (Exception failure) when (failure is IOException or OutOfMemoryException or InvalidOperationException)
        {
            return failure.GetType().Name;
        }
    }

    // The calls that both streams have under the same names. Each class fills in those that are not of Stream.
    private abstract class Calls(Stream stream)
    {
        protected abstract int SafeRead(Span<byte> buffer, ref long position);

        protected abstract int SafeRead(byte[] buffer, int offset, int count, ref long position);

        protected abstract int SafeReadByte(ref long position);

        protected abstract void WriteTo(Stream other);

        protected abstract void WriteTo(Stream other, long offset, long count);

        protected abstract void WriteTo(byte[] buffer);

        protected abstract void WriteTo(byte[] buffer, long offset, long count, int targetOffset);

        protected abstract ReadOnlySequence<byte> Sequence();

        protected abstract byte[] ToArray();

        // The page says that the limit is exact here: what is left of the last block there goes beyond it.
        private bool IsRestBeyondLimit(int room) =>
            room > MaxBytes - stream.Position && room <= BlockBytes - (stream.Position % BlockBytes);

        public string Run(StreamOperation operation, int size, byte mark)
        {
            int least = Math.Max(size, 0);
            byte[] bytes = new byte[least];
            bytes.AsSpan().Fill(mark);
            long position = stream.Length == 0 ? 0 : least % (stream.Length + 1);
            long rest = stream.Length - position;
            switch (operation)
            {
                case StreamOperation.Write:
                    stream.Write(bytes);
                    return "";
                case StreamOperation.WriteArray:
                    stream.Write(bytes, size < 0 ? size : least / 2, least / 3);
                    return "";
                case StreamOperation.WriteByte:
                    if (!IsRestBeyondLimit(1))
                    {
                        stream.WriteByte(mark);
                    }

                    return "";
                case StreamOperation.Read:
                    return Text(stream.Read(bytes), bytes);
                case StreamOperation.ReadArray:
                    return Text(stream.Read(bytes, least / 3, size < 0 ? size : least / 2), bytes);
                case StreamOperation.ReadByte:
                    return $"{stream.ReadByte()}";
                case StreamOperation.SafeRead:
                    return Text(SafeRead(bytes, ref position), bytes) + position;
                case StreamOperation.SafeReadArray:
                    return Text(
                        SafeRead(bytes, least / 3, size < 0 ? size : least / 2, ref position), bytes) + position;
                case StreamOperation.SafeReadByte:
                    return $"{SafeReadByte(ref position)} {position}";
                case StreamOperation.Seek:
                    return $"{stream.Seek(size < 0 ? size : position, SeekOrigin.Begin)}";
                case StreamOperation.Position:
                    stream.Position = size < 0 ? size : position;
                    return "";
                case StreamOperation.Truncate:
                    stream.SetLength(size < 0 ? size : position);
                    return "";
                case StreamOperation.WriterSpan:
                    if (IsRestBeyondLimit(size))
                    {
                        return "";
                    }

                    ((IBufferWriter<byte>)stream).GetSpan(size)[..least].Fill(mark);
                    ((IBufferWriter<byte>)stream).Advance(least);
                    return "";
                case StreamOperation.WriterMemoryInTwoSteps:
                    // Within a block: a longer room is a block of its own there, of which one call takes all.
                    int room = Math.Min(least, BlockBytes - (int)(stream.Position % BlockBytes));
                    if (IsRestBeyondLimit(room))
                    {
                        return "";
                    }

                    ((IBufferWriter<byte>)stream).GetMemory(room).Span[..room].Fill(mark);
                    ((IBufferWriter<byte>)stream).Advance(room / 2);
                    ((IBufferWriter<byte>)stream).Advance(room - (room / 2));
                    return "";
                case StreamOperation.WriteTo:
                    return Text(WriteTo);
                case StreamOperation.WriteRangeTo:
                    return Text(other => WriteTo(other, size < 0 ? size : position, rest / 2));
                case StreamOperation.WriteToArray:
                    byte[] all = new byte[size < 0 ? Math.Max(0, stream.Length - 1) : stream.Length];
                    WriteTo(all);
                    return Text(all.Length, all);
                case StreamOperation.WriteRangeToArray:
                    byte[] part = new byte[rest + 10];
                    WriteTo(part, position, size < 0 ? rest + 1 : rest, 10);
                    return Text(part.Length, part);
                case StreamOperation.CopyToAsync:
                    return Text(other => Copy(other).GetAwaiter().GetResult());
                case StreamOperation.Sequence:
                    byte[] sequence = Sequence().ToArray();
                    return Text(sequence.Length, sequence);
                default:
                    byte[] array = ToArray();
                    return Text(array.Length, array);
            }
        }

        // RecyclableMemoryStream has no empty copy.
        private async Task Copy(Stream other)
        {
            if (stream.Position < stream.Length)
            {
                await stream.CopyToAsync(other);
            }
        }

        private static string Text(int count, byte[] bytes) => $"{count} {Convert.ToHexString(bytes)}";

        private static string Text(Action<Stream> write)
        {
            using MemoryStream other = new();
            write(other);
            return Convert.ToHexString(other.ToArray());
        }
    }

    private sealed class TheirCalls(RecyclableMemoryStream stream) : Calls(stream)
    {
        protected override int SafeRead(Span<byte> buffer, ref long position) => stream.SafeRead(buffer, ref position);

        protected override int SafeRead(byte[] buffer, int offset, int count, ref long position) =>
            stream.SafeRead(buffer, offset, count, ref position);

        protected override int SafeReadByte(ref long position) => stream.SafeReadByte(ref position);

        protected override void WriteTo(Stream other) => stream.WriteTo(other);

        protected override void WriteTo(Stream other, long offset, long count) => stream.WriteTo(other, offset, count);

        protected override void WriteTo(byte[] buffer) => stream.WriteTo(buffer);

        protected override void WriteTo(byte[] buffer, long offset, long count, int targetOffset) =>
            stream.WriteTo(buffer, offset, count, targetOffset);

        protected override ReadOnlySequence<byte> Sequence() => stream.GetReadOnlySequence();

#pragma warning disable CS0618 // ToArray is obsolete there; what it does is compared.
        protected override byte[] ToArray() => stream.ToArray();
#pragma warning restore CS0618
    }

    private sealed class OurCalls(NativeMemoryStream stream) : Calls(stream)
    {
        protected override int SafeRead(Span<byte> buffer, ref long position) => stream.SafeRead(buffer, ref position);

        protected override int SafeRead(byte[] buffer, int offset, int count, ref long position) =>
            stream.SafeRead(buffer, offset, count, ref position);

        protected override int SafeReadByte(ref long position) => stream.SafeReadByte(ref position);

        protected override void WriteTo(Stream other) => stream.WriteTo(other);

        protected override void WriteTo(Stream other, long offset, long count) => stream.WriteTo(other, offset, count);

        protected override void WriteTo(byte[] buffer) => stream.WriteTo(buffer);

        protected override void WriteTo(byte[] buffer, long offset, long count, int targetOffset) =>
            stream.WriteTo(buffer, offset, count, targetOffset);

        protected override ReadOnlySequence<byte> Sequence() => stream.GetReadOnlySequence();

        protected override byte[] ToArray() => stream.ToArray();
    }
}
