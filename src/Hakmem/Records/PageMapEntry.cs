using System;
using System.Runtime.CompilerServices;

namespace Hakmem.Records;

// One unit's entry in the page map ("the gatekeeper"): all that Free must know about any address, in one 8-byte load.
//
//    63          48 47                  16 15        0
//   +--------------+----------------------+------------+
//   | heap slot    | address of the span  | offset of  |
//   | + 1          | less tag * 2 MiB     | the bin    |   of a span
//   +--------------+----------------------+------------+
//   | 0xFFFF       | address of the run   | 0          |   of a unit run
//   | 0xFFFE       | address of the range | 0          |   of a guarded block
//   +--------------+----------------------+------------+
//
// Zero means that none of them covers the unit. The bin offset stands for the size class, and for the stripe of a class
// that has stripes (see Stripe): it is the offset in bytes of the FreeSide in a thread cache. The bins of the classes
// are 64 bytes each behind a head of 64, those of stripes lie behind the fixed part of the cache, and 8 more bytes are
// for paired classes (see Bin).
//
// A span's entry is a sum: the heap's tag, the span's address and the bin offset. An address less its entry is
// therefore the address's offset in the span, less a constant of the class in that heap, and FreeSide decides by one
// compare. Masking takes a second compare, and more of the JIT compiler's tree than a loop of frees may have.
//
// Free's argument may be any 64 bits, and its lowest bits select the entry: 35 to 40, by the size of the page map
// (Arena.MinMappedBytes). If tags were multiples of 2^48, a pointer to another heap's block whose bits above 47 contain
// the difference of the two tags would pass as the heap's own. So a tag is a multiple of 2^48 less the size of a
// SuperSlab, the largest size of a span. For the entry's tag t and the heap's tag u, the 35 lowest bits of what Free
// compares are then
//
//     offset in the span - (t - u) * 2^21   (modulo 2^35)
//
// where the difference of two tags is below 2^13: within a span only if t = u. FreeSideTests tests all of them. The
// address less tag * 2 MiB must not be negative: MaxSlotsFrom ensures that.
//
// Written under the depot's lock (spans) or the SuperSlab lock (unit runs and guarded ranges), before any block of the
// unit is handed out, and cleared after all are free again. Any thread that frees a pointer reads it without a lock. A
// caller can only have a live block by a hand-over (release, acquire) after the entry was written, so plain loads and
// stores of one aligned word suffice, on Arm64 too.
internal static class PageMapEntry
{
    public const int TagShift = 48;

    // The logarithm of a bin's size, 64 bytes.
    public const int BinShift = 6;

    // The offset of the FreeSide in a paired class's bin.
    private const int PairedOffset = 8;

    // The most heaps that tags can distinguish, at addresses from 32 GiB on.
    public const int MaxHeapSlots = 1 << 13;

    // The lowest address that a span may have: enough for 256 heaps.
    public const ulong LeastAddress = 256 * HeapBytes;

    // The address space that one more heap requires: twice what each tag subtracts more than the tag before.
    private const ulong HeapBytes = 2UL * Geometry.SlabBytes;

    private const ulong AddressMask = (1UL << TagShift) - Geometry.UnitBytes;

    // The tag numbers of kinds other than spans count down from here, by EntryKind; no heap has one of them.
    private const int TopTagNumber = (1 << (64 - TagShift)) + (int)EntryKind.Span;

    // The lowest of them.
    private const int LeastKindTagNumber = TopTagNumber - (int)EntryKind.Last;

    // The tag number of guarded blocks. A fault report looks for it, and takes what is below it for the address.
    public const int GuardTagNumber = TopTagNumber - (int)EntryKind.Guarded;

    // The number of heaps that tags can distinguish if no span has a lower address: the largest tag subtracts less than
    // the address. On some systems, and emulators of them, addresses begin at some GiB.
    public static int MaxSlotsFrom(ulong address) => (int)Math.Min(MaxHeapSlots, address / HeapBytes);

    public static ulong TagOf(int heapSlot) => (ulong)(heapSlot + 1) * ((1UL << TagShift) - Geometry.SlabBytes);

    // isStacked: whether the heap's bins of the class are stacked or paired.
    public static ulong ForSpan(int heapSlot, nuint address, int binIndex, bool isStacked) =>
        TagOf(heapSlot) + address + BinOffsetOf(binIndex, isStacked);

    // For blocks that the slow path frees: the kind, and the address of the run or range that contains the block.
    public static ulong ForRange(EntryKind kind, nuint address) =>
        ((ulong)(TopTagNumber - (int)kind) << TagShift) | address;

    // Whether two entries are those of one span, which another thread may have rewritten for the other form of bins.
    public static bool IsSameSpan(ulong entry, ulong other) => entry == other || (entry ^ other) == PairedOffset;

    // The one place that tells kinds apart.
    public static DecodedEntry Decode(ulong entry)
    {
        int tag = (int)(entry >> TagShift);
        nuint below = (nuint)(entry & AddressMask);
        return tag == 0 ? new DecodedEntry(EntryKind.None, 0, -1, -1)
            : tag >= LeastKindTagNumber ? new DecodedEntry((EntryKind)(TopTagNumber - tag), below, -1, -1)
            : new DecodedEntry(
                EntryKind.Span, below + ((nuint)tag << Geometry.SlabShift), tag - 1, BinIndexOf(entry));
    }

    // For a span's entry only; see Decode for others.
    public static int BinIndexOf(ulong entry)
    {
        int place = (int)BinOffsetOf(entry) >> BinShift;
        return place < ThreadCache.FirstStripedPlace
            ? place - 1
            : place - ThreadCache.FirstStripedPlace + SizeClass.Count;
    }

    // The offset in bytes of a bin's FreeSide in a thread cache.
    public static uint BinOffsetOf(int binIndex, bool isStacked) =>
        ((uint)PlaceOf(binIndex) << BinShift) + (isStacked ? 0u : PairedOffset);

    // The offset of a bin in a thread cache, by the size of a bin.
    public static int PlaceOf(int binIndex) =>
        binIndex < SizeClass.Count ? binIndex + 1 : binIndex - SizeClass.Count + ThreadCache.FirstStripedPlace;

    // The same from any entry: ForSpan alone sets the low 16 bits, so the result is in range for every unit.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint BinOffsetOf(ulong entry) => (ushort)entry;
}
