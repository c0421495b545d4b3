using System.Runtime.CompilerServices;
using Hakmem.SizeClasses;

namespace Hakmem.Arenas;

// One unit's entry in the page map ("the gatekeeper"): what Free needs to know of any address, in one 8-byte load.
//
//    63            40 39            16 15        0
//   +----------------+----------------+------------+
//   | heap slot + 1  | span's first   | size class |
//   |                | unit           | x 64       |
//   +----------------+----------------+------------+
//
// The size class is kept multiplied by the size of a thread cache's bin: the offset of its bin, ready to use.
//
// Zero means that no span covers the unit. The layout lets Free do three checks at once: with the heap's tag (its slot + 1, shifted)
// taken off by XOR, what is left without the low 16 bits is the byte offset of the span's first block in the arena, and the address's
// offset less that is its offset in the span. If the unit belongs to another heap or to none, that difference is astronomically
// large, and the one compare against the span's size sends it to the slow path.
//
// Written under the owning heap's lock before any block of the span is handed out and cleared after all have come back; read
// without a lock by whoever frees a pointer. A caller can only hold a live block by way of some release/acquire hand-over after
// the entry was written, so plain loads and stores of one aligned word suffice on Arm64 too.
internal static class PageMapEntry
{
    public const int TagShift = 40;

    // A bin has 64 bytes.
    public const int BinShift = 6;

    // Clears the size class and leaves (once the tag is off) the span's byte offset.
    public const ulong OffsetMask = ~0xFFFFUL;

    // The most heaps at one time: slots 0 .. MaxHeapSlots - 1.
    public const int MaxHeapSlots = (1 << (64 - TagShift)) - 2;

    // In place of a heap's tag, on units whose blocks are freed by the slow path only (runs of units): no heap has it.
    private const ulong SlowTag = ((1UL << (64 - TagShift)) - 1) << TagShift;

    public static ulong TagOf(int heapSlot) => (ulong)(heapSlot + 1) << TagShift;

    public static ulong ForSpan(int heapSlot, int firstUnit, int sizeClass) =>
        TagOf(heapSlot) | ((ulong)(uint)firstUnit << Geometry.UnitShift) | ((uint)sizeClass << BinShift);

    public static ulong ForUnitRun(int firstUnit) => SlowTag | ((ulong)(uint)firstUnit << Geometry.UnitShift);

    public static bool IsUnitRun(ulong entry) => (entry & SlowTag) == SlowTag;

    public static int HeapSlotOf(ulong entry) => (int)(entry >> TagShift) - 1;

    public static int FirstUnitOf(ulong entry) => (int)(entry >> Geometry.UnitShift) & ((1 << (Geometry.MaxArenaShift - Geometry.UnitShift)) - 1);

    public static int SizeClassOf(ulong entry) => (int)BinOffsetOf(entry) >> BinShift;

    // The offset in bytes of the bin of the entry's size class in a thread cache. Low 16 bits come from ForSpan alone, so this is in
    // range whatever unit the entry is of.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint BinOffsetOf(ulong entry) => (ushort)entry;
}
