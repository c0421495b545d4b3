using System;
using System.Buffers;
using System.IO;

namespace Hakmem.Tests.Buffers;

// One call of a stream, the same for the framework's and ours. The result sums up what came out.
public sealed record StreamStep(StreamAction Action, int Size, byte Mark)
{
    // A stream that is written to itself may become twice as long: not for ever.
    private const int LongestDoubled = 20_000;

    public long Take(Stream stream)
    {
        switch (Action)
        {
            case StreamAction.Write:
                stream.Write(Marked());
                return 0;
            case StreamAction.WriteByte:
                stream.WriteByte(Mark);
                return 0;
            case StreamAction.WriteAsync:
                stream.WriteAsync(Marked(), 0, Math.Max(Size, 0)).GetAwaiter().GetResult();
                return 0;
            case StreamAction.WriteThroughWriter:
                WriteThroughWriter(stream);
                return 0;
            case StreamAction.Read:
                byte[] read = new byte[Math.Max(Size, 0)];
                return SumOf(read, stream.Read(read, 0, read.Length));
            case StreamAction.ReadByte:
                return stream.ReadByte();
            case StreamAction.ReadAsync:
                byte[] readLater = new byte[Math.Max(Size, 0)];
                return SumOf(readLater, stream.ReadAsync(readLater, 0, readLater.Length).GetAwaiter().GetResult());
            case StreamAction.SeekFromBegin:
                return stream.Seek(Size, SeekOrigin.Begin);
            case StreamAction.SeekFromCurrent:
                return stream.Seek(Size, SeekOrigin.Current);
            case StreamAction.SeekBackFromCurrent:
                return stream.Seek(-Size, SeekOrigin.Current);
            case StreamAction.SeekFromEnd:
                return stream.Seek(-Size, SeekOrigin.End);
            case StreamAction.SetPosition:
                stream.Position = Size;
                return 0;
            case StreamAction.SetLength:
                stream.SetLength(Size);
                return 0;
            default:
                return TakeWhole(stream);
        }
    }

    private long TakeWhole(Stream stream)
    {
        using MemoryStream target = new();
        switch (Action)
        {
            case StreamAction.CopyTo:
                CopyTo(stream, target);
                break;
            case StreamAction.CopyToAsync:
                stream.CopyToAsync(target).GetAwaiter().GetResult();
                break;
            case StreamAction.WriteTo:
                WriteTo(stream, target);
                break;
            case StreamAction.WriteToItself when stream.Length <= LongestDoubled:
                WriteTo(stream, stream);
                break;
            case StreamAction.CopyToItself when stream.Length <= LongestDoubled:
                CopyTo(stream, stream);
                break;
            case StreamAction.TrimCapacity when stream is NativeMemoryStream native:
                native.Capacity = native.Length;
                break;
            default:
                break;
        }

        return SumOf(target.ToArray(), (int)target.Length);
    }

    // In the netstandard2.0 build the class's own method hides Stream's, which cannot be overridden there.
    public static void CopyTo(Stream stream, Stream target)
    {
        if (stream is NativeMemoryStream native)
        {
            native.CopyTo(target, 4_096);
        }
        else
        {
            stream.CopyTo(target);
        }
    }

    public static void WriteTo(Stream stream, Stream target)
    {
        if (stream is NativeMemoryStream native)
        {
            native.WriteTo(target);
        }
        else
        {
            ((MemoryStream)stream).WriteTo(target);
        }
    }

    // A memory stream is no buffer writer: it writes what the writer would have written.
    private void WriteThroughWriter(Stream stream)
    {
        int size = Math.Max(Size, 0);
        if (stream is IBufferWriter<byte> writer)
        {
            Span<byte> room = Mark % 2 == 0 ? writer.GetSpan(size) : writer.GetMemory(size).Span;
            room[..size].Fill(Mark);
            writer.Advance(size);
        }
        else if (size > 0)
        {
            stream.Write(Marked());
        }
    }

    private byte[] Marked()
    {
        byte[] bytes = new byte[Math.Max(Size, 0)];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(Mark + i);
        }

        return Action == StreamAction.WriteThroughWriter ? Filled(bytes) : bytes;
    }

    private byte[] Filled(byte[] bytes)
    {
        bytes.AsSpan().Fill(Mark);
        return bytes;
    }

    private static long SumOf(byte[] bytes, int count)
    {
        long sum = count;
        for (int i = 0; i < count; i++)
        {
            sum = (sum * 31) + bytes[i];
        }

        return sum;
    }
}
