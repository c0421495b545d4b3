using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.Records;

// A bin as Free sees it: the magazine that Free pushes to, and the numbers that identify a block of the class.
//
// With entry for the page map's entry of it, an address is a block of this heap and class exactly when
//
//     RotateRight((address - entry) * Inverse + Bias, Shift) < BlockCount
//
// An entry is the sum of the heap's tag, the span's address and this side's offset in the cache (see PageMapEntry). The
// difference is therefore the block's offset in its span, less tag and side offset. A block size is 2^Shift times an
// odd number. Multiplied by that number's inverse modulo 2^64 and rotated, n blocks' worth of bytes become n. Both
// steps are one to one, so every other number becomes 2^64 / block size or more (Granlund and Montgomery, "Division by
// Invariant Integers using Multiplication", 1994). Bias is tag and side offset times Inverse. One compare thus refuses
// an address in no span, in another heap, inside a block, out of alignment, or behind the last block.
//
// An entry of another heap may lead to 8 bytes before or after a side, if only one of the two heaps has a paired bin
// for the class. BlockCount then is the two highest bytes of FreeEnd, an address of 48 bits at most or null, or in a
// field that is always zero (see Bin). So the compare admits nothing there.
[StructLayout(LayoutKind.Explicit, Size = Bytes)]
internal unsafe struct FreeSide
{
    public const int Bytes = 40;

    // The newest filled slot of the magazine that Free pushes to, or its sentinel when it is empty.
    [FieldOffset(0)]
    public void** FreeTop;

    // The inverse of the block size's odd factor, modulo 2^64.
    [FieldOffset(8)]
    public ulong Inverse;

    // The heap's tag plus this side's offset in the cache, times Inverse.
    [FieldOffset(16)]
    public ulong Bias;

    // The slot that Free must not push past. Never before FreeTop; or null, if the reaper closed the bin to notice its
    // next free, or if the last free found no memory for a magazine, so that its block is not on top.
    [FieldOffset(24)]
    public void** FreeEnd;

    // The power of two in the block size.
    [FieldOffset(32)]
    public int Shift;

    // The blocks of a span.
    [FieldOffset(38)]
    public ushort BlockCount;

    // The compare above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Admits(FreeSide* side, ulong entry, void* address) =>
        BitOperations.RotateRight((((nuint)address - entry) * side->Inverse) + side->Bias, side->Shift) <
        side->BlockCount;
}
