using System;
using System.Buffers;
using System.IO;

namespace Hakmem.Benchmarks.Traces;

/// <summary>Appends unsigned numbers as bytes: seven bits each, the least ones first, and a bit that says whether more
/// follow.</summary>
internal sealed class ByteColumnWriter
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>What has been written.</summary>
    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    /// <summary>Appends a number.</summary>
    public void Write(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            WriteByte((byte)(value | 0x80));
        }

        WriteByte((byte)value);
    }

    /// <summary>Appends bytes, behind their number.</summary>
    public void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        Write((ulong)bytes.Length);
        _bytes.Write(bytes);
    }

    private void WriteByte(byte value)
    {
        _bytes.GetSpan()[0] = value;
        _bytes.Advance(1);
    }
}

/// <summary>Reads what <see cref="ByteColumnWriter"/> wrote, and believes none of it.</summary>
internal ref struct ByteColumnReader(ReadOnlySpan<byte> bytes)
{
    private const int BitsPerByte = 7;
    private const int LastShift = 63;

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Whether all has been read.</summary>
    public readonly bool IsAtEnd => _rest.IsEmpty;

    /// <summary>How many bytes there are still.</summary>
    public readonly int RemainingCount => _rest.Length;

    /// <summary>Reads a number.</summary>
    /// <exception cref="InvalidDataException">It has no end, or more than 64 bits.</exception>
    public ulong Read()
    {
        ulong value = 0;
        for (int shift = 0; ; shift += BitsPerByte)
        {
            if (_rest.IsEmpty)
            {
                throw new InvalidDataException("The trace ends within a number.");
            }

            byte next = _rest[0];
            _rest = _rest[1..];
            if (shift == LastShift && next > 1)
            {
                throw new InvalidDataException("The trace has a number of more than 64 bits.");
            }

            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }

    /// <summary>Reads a number that has a limit.</summary>
    /// <param name="largest">The largest that it may be.</param>
    /// <param name="what">What it is, for the error.</param>
    /// <exception cref="InvalidDataException">It is larger, or no number.</exception>
    public long ReadAtMost(long largest, string what)
    {
        ulong value = Read();
        return value <= (ulong)largest
            ? (long)value
            : throw new InvalidDataException($"The trace has {value} as {what}, which is at most {largest}.");
    }

    /// <summary>Reads bytes behind their number.</summary>
    /// <exception cref="InvalidDataException">There are not so many.</exception>
    public ReadOnlySpan<byte> ReadBytes()
    {
        ulong wanted = Read();
        if (wanted > (ulong)_rest.Length)
        {
            throw new InvalidDataException($"The trace ends before {wanted} bytes that it should have.");
        }

        int count = (int)wanted;
        ReadOnlySpan<byte> read = _rest[..count];
        _rest = _rest[count..];
        return read;
    }
}
