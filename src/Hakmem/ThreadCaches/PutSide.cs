using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.ThreadCaches;

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
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PutSide
{
    // The newest filled slot of the magazine that Free puts into, or its sentinel when it is empty.
    public void** PutTop;

    // The slot that must not be pushed past. Never before PutTop; or null, where the reaper closed a bin to hear of its
    // next free, or where the last free found no memory for a magazine, so that its block is not on top.
    public void** PutEnd;

    // The inverse of the block size's odd factor, modulo 2^64.
    public ulong Inverse;

    // Heap's tag and this side's place in the cache, times Inverse.
    public ulong Bias;

    // Blocks in a span.
    public uint BlockCount;

    // The power of two in the block size.
    public int Shift;

    // The compare above.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Admits(PutSide* put, ulong entry, void* address) =>
        BitOperations.RotateRight((((nuint)address - entry) * put->Inverse) + put->Bias, put->Shift) < put->BlockCount;
}
