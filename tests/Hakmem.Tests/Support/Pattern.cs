using System;
using Xunit;

namespace Hakmem.Tests.Support;

// Contents that can be told from any other block's: every 8-byte word depends on the seed and on its own index, so that a block
// that was overwritten, swapped or shifted does not verify. A prefix of a pattern is the pattern of the prefix.
internal static unsafe class Pattern
{
    public static void Fill(void* address, nuint bytes, uint seed)
    {
        ulong* words = (ulong*)address;
        nuint wordCount = bytes / sizeof(ulong);
        for (nuint i = 0; i < wordCount; i++)
        {
            words[i] = Word(i, seed);
        }

        ulong last = Word(wordCount, seed);
        for (nuint i = wordCount * sizeof(ulong); i < bytes; i++)
        {
            ((byte*)address)[i] = TailByte(last, i);
        }
    }

    public static void Verify(void* address, nuint bytes, uint seed)
    {
        ulong* words = (ulong*)address;
        nuint wordCount = bytes / sizeof(ulong);
        for (nuint i = 0; i < wordCount; i++)
        {
            if (words[i] != Word(i, seed))
            {
                Assert.Fail($"The {bytes} bytes at 0x{(nuint)address:x} (seed {seed}) were changed at offset {i * sizeof(ulong)}.");
            }
        }

        ulong last = Word(wordCount, seed);
        for (nuint i = wordCount * sizeof(ulong); i < bytes; i++)
        {
            if (((byte*)address)[i] != TailByte(last, i))
            {
                Assert.Fail($"The {bytes} bytes at 0x{(nuint)address:x} (seed {seed}) were changed at offset {i}.");
            }
        }
    }

    public static void VerifyZero(void* address, nuint bytes)
    {
        int offset = new ReadOnlySpan<byte>(address, checked((int)bytes)).IndexOfAnyExcept((byte)0);
        if (offset >= 0)
        {
            Assert.Fail($"The {bytes} bytes at 0x{(nuint)address:x} should be zero, but are not at offset {offset}.");
        }
    }

    private static ulong Word(nuint index, uint seed) => ((seed + 1UL) * 0x9E3779B97F4A7C15UL) + (index * 0xD6E8FEB86659FD93UL);

    private static byte TailByte(ulong word, nuint index) => (byte)(word >> (int)(index % sizeof(ulong) * 8));
}
