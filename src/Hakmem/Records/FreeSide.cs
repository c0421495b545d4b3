using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hakmem.Records;

// A bin as Free sees it: the magazine that Free pushes to, and the numbers that identify a block of the class.
//
// With entry for the page map's entry of an address, and n for address - entry - Origin, the address is a block of this
// heap and class exactly when
//
//     n < SpanBytes  and  n * Reciprocal < Reciprocal     (all modulo 2^64)
//
// An entry is the sum of the heap's tag, the span's address and this side's offset in the cache (see PageMapEntry), and
// Origin takes the first and the last away: n is the address's offset in the span. The first compare refuses an address
// in no span, in another heap, or behind the last block. The second one refuses an address inside a block: Reciprocal
// is 2^64 / block size, rounded up, so that the low half of n * Reciprocal is the remainder of n, in units of
// 2^64 / block size (Lemire, Kaser, Kurz: "Faster Remainder by Direct Computation", 2019).
//
// An entry of another heap may lead to 8 bytes before or after a side, if only one of the two heaps has a paired bin
// for the class (see Bin). From a stacked bin, SpanBytes then is a field that is always zero. From a paired one,
// FreeEnd is Origin, which is negative as a signed number, so that no top is below it.
[StructLayout(LayoutKind.Explicit, Size = Bytes)]
internal unsafe struct FreeSide
{
    public const int Bytes = 40;

    // The newest filled slot of the magazine that Free pushes to, or its sentinel when it is empty.
    [FieldOffset(0)]
    public void** FreeTop;

    // 2^64 / block size, rounded up.
    [FieldOffset(8)]
    public ulong Reciprocal;

    // Zero less the heap's tag and this side's offset in the cache: negative as a signed number.
    [FieldOffset(16)]
    public ulong Origin;

    // The slot that Free must not push past. Never before FreeTop; or null, if the reaper closed the bin to notice its
    // next free, or if the last free found no memory for a magazine, so that its block is not on top.
    [FieldOffset(24)]
    public void** FreeEnd;

    // The bytes of a span that blocks cover.
    [FieldOffset(32)]
    public ulong SpanBytes;

    // The two compares above. Whoever does not go on to HasRoom asks IsOfKind as well.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Admits(FreeSide* side, ulong entry, void* address)
    {
        ulong offset = (nuint)address - entry - side->Origin;
        return offset < side->SpanBytes && offset * side->Reciprocal < side->Reciprocal;
    }

    // Whether a request of byteCount bytes, at least one, fits a block of this side. Less exact than Reciprocal, and
    // exact enough for sizes up to MaxBytes: the factor, 2^64 / block size without its low bits and plus one, makes the
    // product of a block's size reach 2^(64 - MaxBits), and that of one byte less stay below it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Covers(FreeSide* side, nuint byteCount)
    {
        nuint lastByte = byteCount - 1;
        return lastByte < SizeClass.MaxBytes &&
            lastByte * ((side->Reciprocal >> SizeClass.MaxBits) + 1) < 1UL << (64 - SizeClass.MaxBits);
    }

    // Whether Free may push above a top of this side; false if the side is one of the other kind.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool HasRoom(FreeSide* side, void** top) => (nint)top < (nint)side->FreeEnd;

    // Whether this is a side, and not what an entry of another heap leads to in a bin of the other kind.
    public static bool IsOfKind(FreeSide* side) => (nint)side->FreeEnd >= 0;
}
