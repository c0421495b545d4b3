using System;

namespace Hakmem.Os;

// FNV-1a, for short texts in tables of this library.
internal static class ByteHash
{
    public static ulong Compute(ReadOnlySpan<byte> text)
    {
        ulong hash = 0xCBF2_9CE4_8422_2325;
        foreach (byte each in text)
        {
            hash = (hash ^ each) * 0x100_0000_01B3;
        }

        return hash;
    }
}
