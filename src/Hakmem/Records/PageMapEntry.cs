using System;
using System.Runtime.CompilerServices;

namespace Hakmem.Records;

// One unit's entry in the page map ("the gatekeeper"): what Free needs to know of any address, in one 8-byte load.
//
//    63          48 47                  16 15        0
//   +--------------+----------------------+------------+
//   | heap slot    | address of the span  | place of   |
//   | + 1          | less tag * 2 MiB     | the bin    |   of a span
//   +--------------+----------------------+------------+
//   | 0xFFFF       | address of the run   | 0          |   of a run of units
//   | 0xFFFE       | address of the range | 0          |   of a guarded block
//   +--------------+----------------------+------------+
//
// Zero means that none of them covers the unit. The size class is kept as the place in a thread cache, in bytes, where
// Free finds its side of the class's bin: 64 bytes a class behind a head of 64, and 8 further on for paired classes
// (see Bin).
//
// A span's entry is a sum: the heap's tag, the span's address and the place. So an address less its entry is the
// address's offset in the span less what is the same for all blocks of a class in a heap, and FreeSide makes one compare
// of that. Masking the parts out takes a second compare and, in the JIT compiler's tree, more than a loop of frees may
// have: see HakmemAllocator.
//
// What is handed to Free may be any 64 bits, and an entry is found by the 40 lowest of them. With tags that are
// multiples of 2^48, a pointer to another heap's block whose bits above 47 hold the difference of the two tags would
// come out as that heap's own. So a tag is a multiple of 2^48 less the size of a SuperSlab, the most that a span has.
// For tags t of the entry and u of the heap, the 40 lowest bits of what Free compares are then
//
//     offset in the span - (t - u) * 2^21   (modulo 2^40)
//
// with the difference of two tags below 2^13: within a span only if t = u. FreeSideTests goes through all of them. The
// address less tag * 2 MiB must not be negative, which is what MaxSlotsFrom is for.
//
// Written under the depot's lock (spans) or the SuperSlab lock (runs of units and guarded ranges) before any block of
// it is handed out and cleared after all have come back; read without a lock by whoever frees a pointer. A caller can
// only hold a live block by way of some release/acquire hand-over after the entry was written, so plain loads and
// stores of one aligned word suffice on Arm64 too.
internal static class PageMapEntry
{
    public const int TagShift = 48;

    // A bin has 64 bytes.
    public const int BinShift = 6;

    // Where Free's side of a paired class's bin begins.
    private const int PairedOffset = 8;

    // The most heaps that tags can tell apart, at addresses from 32 GiB on.
    public const int MaxHeapSlots = 1 << 13;

    // No span may have a lower address: that of 256 heaps.
    public const ulong LeastAddress = 256 * HeapBytes;

    // How much of the addresses is wanted for one more heap: twice what its tag takes off more than the one before.
    private const ulong HeapBytes = 2UL * Geometry.SlabBytes;

    private const ulong AddressMask = (1UL << TagShift) - Geometry.UnitBytes;

    // The tag numbers of kinds other than spans count down from here, by EntryKind; no heap has one of them.
    private const int TopTagNumber = (1 << (64 - TagShift)) + (int)EntryKind.Span;

    // The lowest of them.
    private const int LeastKindTagNumber = TopTagNumber - (int)EntryKind.Last;

    // The tag number of guarded blocks. A fault report looks for it, and takes what is below it for the address.
    public const int GuardTagNumber = TopTagNumber - (int)EntryKind.Guarded;

    // How many heaps can be told apart where spans have this address or a higher one: the largest tag takes off less
    // than that. Some systems, and emulators of them, begin at some GiB.
    public static int MaxSlotsFrom(ulong address) => (int)Math.Min(MaxHeapSlots, address / HeapBytes);

    public static ulong TagOf(int heapSlot) => (ulong)(heapSlot + 1) * ((1UL << TagShift) - Geometry.SlabBytes);

    // isStacked says of which kind the heap's bins of the class are.
    public static ulong ForSpan(int heapSlot, nuint address, int sizeClass, bool isStacked) =>
        TagOf(heapSlot) + address + BinOffsetOf(sizeClass, isStacked);

    // For blocks that the slow path frees: the kind, and the address of the run or range that contains the block.
    public static ulong ForRange(EntryKind kind, nuint address) =>
        ((ulong)(TopTagNumber - (int)kind) << TagShift) | address;

    // The one place that tells kinds apart.
    public static DecodedEntry Decode(ulong entry)
    {
        int tag = (int)(entry >> TagShift);
        nuint below = (nuint)(entry & AddressMask);
        return tag == 0 ? new DecodedEntry(EntryKind.None, 0, -1, -1)
            : tag >= LeastKindTagNumber ? new DecodedEntry((EntryKind)(TopTagNumber - tag), below, -1, -1)
            : new DecodedEntry(
                EntryKind.Span, below + ((nuint)tag << Geometry.SlabShift), tag - 1, SizeClassOf(entry));
    }

    // Of a span's entry; see Decode for others.
    public static int SizeClassOf(ulong entry) => ((int)BinOffsetOf(entry) >> BinShift) - 1;

    // Where in a thread cache Free finds its side of the bin of a size class, in bytes.
    public static uint BinOffsetOf(int sizeClass, bool isStacked) =>
        ((uint)(sizeClass + 1) << BinShift) + (isStacked ? 0u : PairedOffset);

    // The same from an entry. The low 16 bits come from ForSpan alone, so this is in range whatever unit the entry is of.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint BinOffsetOf(ulong entry) => (ushort)entry;
}
