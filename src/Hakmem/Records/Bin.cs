using System.Runtime.InteropServices;

namespace Hakmem.Records;

// One size class in a thread cache: one cache line with all that the fast paths use. They treat both kinds alike:
//
// Paired classes (up to 256 bytes): Alloc pops from the primary magazine, Free pushes to the secondary one, and when
// the primary one is empty the two are exchanged.
//
//     primary  [ b0 b1 b2 b3 .. .. ]          secondary  [ b7 b9 .. .. .. .. ]
//                        ^ AllocTop                             ^ FreeTop       ^ FreeEnd
//
// With one magazine for both, a loop that frees what it has just allocated is one long chain of loads that wait for the
// stores before them (top, slot, page map, top again): 6.1 ns a pair of 64 bytes, and 4.0 ns with two magazines. The
// price: the next block is not the one freed last, but one of the primary magazine.
//
// Stacked classes (above 256 bytes): the primary magazine serves both, last in, first out, and the secondary one, if
// the budget allows it, waits behind it. Such blocks span cache lines and pages, and the one freed last is still warm.
//
//     primary  [ b0 b1 b2 b3 .. .. ]          secondary  [ b7 b9 b4 b5 ]    full, empty or anything between
//                         ^ top   ^ end
//
// To Free a bin is a FreeSide. It begins at offset 8 in a paired bin and at 0 in a stacked one, where the top that Free
// writes is the top that Alloc reads. Page map entries contain the FreeSide's offset in the thread cache.
//
//     offset   0          8           16          24        32          40          48        56
//     paired   AllocTop   FreeTop     Reciprocal  Origin    FreeEnd     SpanBytes   Primary   Secondary
//     stacked  top        Reciprocal  Origin      end       SpanBytes   0           Primary   Secondary
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct Bin
{
    public const int Bytes = 1 << PageMapEntry.BinShift;

    // The newest filled slot of the magazine that Alloc pops from, or its sentinel when it is empty.
    public void** AllocTop;

    // The FreeSide of a paired class. That of a stacked class begins at AllocTop, 8 bytes before this one.
    private readonly FreeSide _freeSide;

    // Null before the first use. While a top points into a magazine, the magazine's Count is out of date.
    public Magazine* Primary;
    public Magazine* Secondary;
}

// The state of a bin that only the slow paths need.
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct BinState
{
    public const int Bytes = 32;

    // The bin's AllocTop at the clock's last visit. If it is the same at several visits, the class is idle.
    public void** LastTop;

    // AllocTop and FreeTop at the reaper's last visit. Only the reaper reads and writes them, inside the cache's gate.
    public void** ReaperAllocTop;
    public void** ReaperFreeTop;

    // The blocks that a magazine may contain: 0 before the first use, else up to the class's largest capacity.
    public int Capacity;

    // Whether the slow path has used the bin since the clock's last visit.
    public bool IsReferenced;

    // How many of the clock's visits in a row have found the class idle.
    public byte IdleTurns;

    // Whether the budget includes a secondary magazine of a stacked class.
    public bool HasSecond;
}
