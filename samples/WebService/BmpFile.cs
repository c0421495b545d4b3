using System;
using System.Buffers;
using System.Buffers.Binary;

namespace Hakmem.WebService;

// Writes 24-bit BMP: a header of 54 bytes, then rows from the bottom up, blue first, each padded to four bytes.
internal static class BmpFile
{
    private const int HeaderBytes = 54;
    private const int InfoBytes = 40;

    // The pixels are red, green, blue, from the top down.
    public static void Write(ReadOnlySpan<byte> pixels, int width, int height, IBufferWriter<byte> output)
    {
        int rowBytes = ((width * 3) + 3) & ~3;
        Span<byte> header = output.GetSpan(HeaderBytes)[..HeaderBytes];
        header.Clear();
        "BM"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[2..], HeaderBytes + (rowBytes * height));
        BinaryPrimitives.WriteInt32LittleEndian(header[10..], HeaderBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[14..], InfoBytes);
        BinaryPrimitives.WriteInt32LittleEndian(header[18..], width);
        BinaryPrimitives.WriteInt32LittleEndian(header[22..], height);
        BinaryPrimitives.WriteInt16LittleEndian(header[26..], 1);
        BinaryPrimitives.WriteInt16LittleEndian(header[28..], 24);
        output.Advance(HeaderBytes);
        for (int y = height - 1; y >= 0; y--)
        {
            Span<byte> row = output.GetSpan(rowBytes)[..rowBytes];
            row[(width * 3)..].Clear();
            ReadOnlySpan<byte> source = pixels.Slice(y * width * 3, width * 3);
            for (int i = 0; i < source.Length; i += 3)
            {
                row[i] = source[i + 2];
                row[i + 1] = source[i + 1];
                row[i + 2] = source[i];
            }

            output.Advance(rowBytes);
        }
    }
}
