using System.Runtime.CompilerServices;
using Hakmem.SizeClasses;

namespace Hakmem.Arenas;

// One unit's entry in the page map ("the gatekeeper"): what Free needs to know of any address, in one 8-byte load.
//
//    63          48 47                  16 15        0
//   +--------------+----------------------+------------+
//   | heap slot    | address of the       | place of   |
//   | + 1          | span, 64 KiB units   | the bin    |
//   +--------------+----------------------+------------+
//
// Zero means that no span covers the unit. The size class is kept as the place in a thread cache, in bytes, where Free finds its side of the
// class's bin: 64 bytes a class behind a head of 64, and 8 further on for paired classes (see Bin).
//
// The three fields do not overlap, so an entry is also their sum, and an address less its entry is the address's offset in the span less
// what is the same for all blocks of a class in a heap. PutSide makes one compare of that. Masking the parts out takes a
// second compare and, in the JIT compiler's tree, more than a loop of frees may have: see HakmemAllocator.
//
// Written under the depot's lock (spans) or by the thread that owns the run (runs of units) before any block of the span is handed out and cleared after all have come back; read
// without a lock by whoever frees a pointer. A caller can only hold a live block by way of some release/acquire hand-over after
// the entry was written, so plain loads and stores of one aligned word suffice on Arm64 too.
internal static class PageMapEntry
{
    public const int TagShift = 48;

    // A bin has 64 bytes.
    public const int BinShift = 6;

    // Where Free's side of a paired class's bin begins.
    private const int PairedPlace = 8;

    private const ulong AddressMask = ~0xFFFFUL;

    // The most heaps that tags can tell apart.
    public const int MaxHeapSlots = (1 << (64 - TagShift)) - 3;

    // In place of a heap's tag, on units whose blocks are freed by the slow path only (runs of units): no heap has it.
    private const ulong SlowTag = ((1UL << (64 - TagShift)) - 1) << TagShift;

    // The same for guarded blocks, whose record the first unit's span header leads to. The number alone is what a fault report looks for.
    public const int GuardTagNumber = (1 << (64 - TagShift)) - 2;
    private const ulong GuardTag = (ulong)GuardTagNumber << TagShift;

    public static ulong TagOf(int heapSlot) => (ulong)(heapSlot + 1) << TagShift;

    // isStacked says of which kind the heap's bins of the class are.
    public static ulong ForSpan(int heapSlot, nuint address, int sizeClass, bool isStacked) =>
        TagOf(heapSlot) | address | PlaceOf(sizeClass, isStacked);

    public static ulong ForUnitRun(nuint address) => SlowTag | address;

    // Of a guarded block: the address of its range, which the block lies somewhere in.
    public static ulong ForGuarded(nuint address) => GuardTag | address;

    public static bool IsUnitRun(ulong entry) => (entry & SlowTag) == SlowTag;

    public static bool IsGuarded(ulong entry) => (entry & SlowTag) == GuardTag;

    public static int HeapSlotOf(ulong entry) => (int)(entry >> TagShift) - 1;

    // The address of the span or run of units.
    public static nuint AddressOf(ulong entry) => (nuint)(entry & AddressMask & ~SlowTag);

    public static int SizeClassOf(ulong entry) => ((int)PlaceOf(entry) >> BinShift) - 1;

    // Where in a thread cache Free finds its side of the bin of a size class, in bytes.
    public static uint PlaceOf(int sizeClass, bool isStacked) =>
        ((uint)(sizeClass + 1) << BinShift) + (isStacked ? 0u : PairedPlace);

    // The same from an entry. The low 16 bits come from ForSpan alone, so this is in range whatever unit the entry is of.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint PlaceOf(ulong entry) => (ushort)entry;
}
