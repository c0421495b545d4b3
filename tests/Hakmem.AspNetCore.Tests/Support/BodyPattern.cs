using System;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Support;

// The bytes of a body, known at every offset. The period is a prime, so that a block of 4096 bytes that was lost, doubled, swapped with
// another or overwritten does not verify.
internal static class BodyPattern
{
    private const int Period = 65_521;

    // Twice the period, so that every stretch of one period can be compared in one piece.
    private static readonly byte[] s_bytes = Make();

    public static void Fill(long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int length = Math.Min(destination.Length, Period);
            At(offset, length).CopyTo(destination);
            destination = destination[length..];
            offset += length;
        }
    }

    public static void Verify(long offset, ReadOnlySpan<byte> actual)
    {
        while (!actual.IsEmpty)
        {
            int length = Math.Min(actual.Length, Period);
            int same = actual[..length].CommonPrefixLength(At(offset, length));
            Assert.True(same == length, $"The body is wrong at offset {offset + same}.");
            actual = actual[length..];
            offset += length;
        }
    }

    private static ReadOnlySpan<byte> At(long offset, int length) => s_bytes.AsSpan((int)(offset % Period), length);

    private static byte[] Make()
    {
        byte[] bytes = new byte[2 * Period];
        new Random(65_521).NextBytes(bytes.AsSpan(0, Period));
        bytes.AsSpan(0, Period).CopyTo(bytes.AsSpan(Period));
        return bytes;
    }
}
