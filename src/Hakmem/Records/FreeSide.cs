using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.Records;

// A bin as Free sees it: the magazine to put into, and what tells a block of the class from any other address.
//
// With entry for what the page map has on an address, the address is a block of this cache's heap and the bin's class exactly when
//
//     RotateRight((address - entry) * Inverse + Bias, Shift) < BlockCount
//
// An entry is the heap's tag, the span's address and this side's place in the cache added up (see PageMapEntry), so the difference is the
// block's offset in its span less tag and place. A block size is 2^Shift times an odd number; multiplied by that number's inverse
// modulo 2^64 and rotated, n blocks' worth of bytes become n, and every other number becomes 2^64 / block size or more, since both steps are
// one to one (Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994). Bias is tag and place times
// Inverse. So one compare refuses what lies in no span, in another heap, inside a block, off its alignment, or behind the last one.
//
// An entry of another heap may lead a step of 8 bytes beside a side, where that heap has a pair for the class and this
// one a stack, or the other way round (heaps with guarded sampling and full hardening have pairs only). BlockCount then
// is the two highest bytes of FreeEnd, an address of 48 bits at most or null, or lies in a field that is always zero (see
// Bin): so nothing is admitted there, whatever the other fields come out as.
[StructLayout(LayoutKind.Explicit, Size = Bytes)]
internal unsafe struct FreeSide
{
    public const int Bytes = 40;

    // The newest filled slot of the magazine that Free puts into, or its sentinel when it is empty.
    [FieldOffset(0)]
    public void** FreeTop;

    // The inverse of the block size's odd factor, modulo 2^64.
    [FieldOffset(8)]
    public ulong Inverse;

    // Heap's tag and this side's place in the cache, times Inverse.
    [FieldOffset(16)]
    public ulong Bias;

    // The slot that must not be pushed past. Never before FreeTop; or null, where the reaper closed a bin to hear of its
    // next free, or where the last free found no memory for a magazine, so that its block is not on top.
    [FieldOffset(24)]
    public void** FreeEnd;

    // The power of two in the block size.
    [FieldOffset(32)]
    public int Shift;

    // Blocks in a span.
    [FieldOffset(38)]
    public ushort BlockCount;

    // The compare above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Admits(FreeSide* put, ulong entry, void* address) =>
        BitOperations.RotateRight((((nuint)address - entry) * put->Inverse) + put->Bias, put->Shift) < put->BlockCount;
}
