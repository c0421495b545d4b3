using System;
using System.Runtime.CompilerServices;

namespace Hakmem.Pages;

// The contents of free memory in heaps with full hardening, which show a write after a free. Text, small numbers and
// pointers do not contain this byte. It is odd: a poisoned pointer is misaligned, and on x86-64 not canonical.
internal static unsafe class Poison
{
    public const byte Value = 0xDB;

    // Up to this size a few loads are faster than a search.
    private const nuint MaxQuickBytes = 128;

    // SAFETY (all): the range is free memory, or slack, of the calling heap.
    public static void Fill(byte* address, nuint bytes)
    {
        for (nuint done = 0; done < bytes; done += MaxPiece(bytes - done))
        {
            new Span<byte>(address + done, (int)MaxPiece(bytes - done)).Fill(Value);
        }
    }

    // The offset of the first byte that differs from what Fill wrote; -1 if none does.
    public static long FindDamage(byte* address, nuint bytes) =>
        bytes <= MaxQuickBytes && IsIntact(address, bytes) ? -1 : FindDamagedByte(address, bytes);

    // For blocks, whose sizes are multiples of 16: a few loads instead of a search. False for any other size.
    private static bool IsIntact(byte* address, nuint bytes)
    {
        const ulong Words = Value * 0x0101_0101_0101_0101UL;
        ulong different = bytes & 15;
        ulong* end = (ulong*)(address + (bytes & ~(nuint)15));
        for (ulong* word = (ulong*)address; word < end; word += 2)
        {
            different |= (Unsafe.ReadUnaligned<ulong>(word) ^ Words) | (Unsafe.ReadUnaligned<ulong>(word + 1) ^ Words);
        }

        return different == 0;
    }

    private static long FindDamagedByte(byte* address, nuint bytes)
    {
        for (nuint done = 0; done < bytes; done += MaxPiece(bytes - done))
        {
            int found = new ReadOnlySpan<byte>(address + done, (int)MaxPiece(bytes - done)).IndexOfAnyExcept(Value);
            if (found >= 0)
            {
                return (long)done + found;
            }
        }

        return -1;
    }

    private static nuint MaxPiece(nuint bytes) => nuint.Min(bytes, 1 << 30);
}
