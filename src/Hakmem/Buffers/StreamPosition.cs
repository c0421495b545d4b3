using System;
using System.IO;

namespace Hakmem;

// Where Seek moves a stream's position, which may lie beyond the end.
internal static class StreamPosition
{
    // Throws as Stream.Seek of this library's streams does.
    public static long After(long offset, SeekOrigin origin, long position, long length)
    {
        long from = origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => position,
            SeekOrigin.End => length,
            _ => throw new ArgumentException($"{origin} is not Begin, Current or End.", nameof(origin)),
        };
        if (offset > 0 && from > long.MaxValue - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        return from + offset >= 0
            ? from + offset
            : throw new IOException("The position cannot be before the beginning of the stream.");
    }
}
