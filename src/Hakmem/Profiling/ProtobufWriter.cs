using System;
using System.Collections.Generic;
using System.Text;

namespace Hakmem.Profiling;

// The parts of the protocol buffers' wire format that a profile needs.
internal sealed class ProtobufWriter
{
    private const int TypeNumber = 0;
    private const int TypeBytes = 2;

    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => _bytes.ToArray();

    // A field of type int64 or uint64. Zero is the default and is not written.
    public void WriteNumber(int field, ulong value)
    {
        if (value != 0)
        {
            WriteTag(field, TypeNumber);
            WriteVariable(value);
        }
    }

    public void WriteText(int field, string text) => WriteBytes(field, Encoding.UTF8.GetBytes(text));

    public void WriteMessage(int field, ProtobufWriter message) => WriteBytes(field, message.ToArray());

    public void WritePacked(int field, ReadOnlySpan<ulong> values)
    {
        ProtobufWriter packed = new();
        foreach (ulong value in values)
        {
            packed.WriteVariable(value);
        }

        WriteMessage(field, packed);
    }

    private void WriteBytes(int field, byte[] bytes)
    {
        WriteTag(field, TypeBytes);
        WriteVariable((ulong)bytes.Length);
        _bytes.AddRange(bytes);
    }

    private void WriteTag(int field, int type) => WriteVariable(((ulong)field << 3) | (uint)type);

    private void WriteVariable(ulong value)
    {
        while (value >= 0x80)
        {
            _bytes.Add((byte)(value | 0x80));
            value >>= 7;
        }

        _bytes.Add((byte)value);
    }
}
