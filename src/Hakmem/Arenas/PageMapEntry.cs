using System.Runtime.CompilerServices;
using Hakmem.SizeClasses;

namespace Hakmem.Arenas;

// One unit's entry in the page map ("the gatekeeper"): what Free needs to know of any address, in one 8-byte load.
//
//    63          48 47                  16 15        0
//   +--------------+----------------------+------------+
//   | heap slot    | address of the       | bin offset |
//   | + 1          | span, 64 KiB units   |            |
//   +--------------+----------------------+------------+
//
// Zero means that no span covers the unit. The size class is kept as the offset in a thread cache at which Free finds its fields of the
// class's bin: 64 bytes a class behind a head of 64, less 8 for stacked classes (see Bin). With the heap's tag (its slot + 1, shifted) taken off by XOR, what is left without the low 16 bits is the span's
// address, and a pointer less that is its offset in the span. If the unit belongs to another heap or to none, that difference is
// astronomically large: one compare against the span's size makes three checks.
//
// Written under the depot's lock (spans) or by the thread that owns the run (runs of units) before any block of the span is handed out and cleared after all have come back; read
// without a lock by whoever frees a pointer. A caller can only hold a live block by way of some release/acquire hand-over after
// the entry was written, so plain loads and stores of one aligned word suffice on Arm64 too.
internal static class PageMapEntry
{
    public const int TagShift = 48;

    // A bin has 64 bytes.
    public const int BinShift = 6;

    // How far before the bin of a stacked class its entries point.
    public const int StackedBinShift = 8;

    // Clears the size class and leaves (once the tag is off) the span's address.
    public const ulong AddressMask = ~0xFFFFUL;

    // The most heaps that tags can tell apart.
    public const int MaxHeapSlots = (1 << (64 - TagShift)) - 2;

    // In place of a heap's tag, on units whose blocks are freed by the slow path only (runs of units): no heap has it.
    private const ulong SlowTag = ((1UL << (64 - TagShift)) - 1) << TagShift;

    public static ulong TagOf(int heapSlot) => (ulong)(heapSlot + 1) << TagShift;

    public static ulong ForSpan(int heapSlot, nuint address, int sizeClass) =>
        TagOf(heapSlot) | address | (((uint)(sizeClass + 1) << BinShift) - (sizeClass >= SizeClass.FirstStacked ? StackedBinShift : 0u));

    public static ulong ForUnitRun(nuint address) => SlowTag | address;

    public static bool IsUnitRun(ulong entry) => (entry & SlowTag) == SlowTag;

    public static int HeapSlotOf(ulong entry) => (int)(entry >> TagShift) - 1;

    // The address of the span or run of units.
    public static nuint AddressOf(ulong entry) => (nuint)(entry & AddressMask & ~SlowTag);

    public static int SizeClassOf(ulong entry) => (((int)BinOffsetOf(entry) + StackedBinShift) >> BinShift) - 1;

    // The offset in bytes at which Free uses the bin of the entry's size class in a thread cache. The low 16 bits come from ForSpan alone, so this is in
    // range whatever unit the entry is of.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint BinOffsetOf(ulong entry) => (ushort)entry;
}
