using System.Runtime.InteropServices;

namespace Hakmem.Records;

// One size class in a thread's cache: a cache line that holds all that the fast paths read and write. There are two kinds, and the fast
// paths do not tell them apart.
//
// Paired classes (up to 256 bytes): Alloc takes from one magazine, Free puts into another, and when nothing is left to take they change places.
//
//     taking   [ b0 b1 b2 b3 .. .. ]          putting  [ b7 b9 .. .. .. .. ]
//                        ^ AllocTop                           ^ FreeTop       ^ FreeEnd
//
// With one magazine for both, a loop that frees what it has just allocated is one long chain of loads that wait for the stores
// before them (top, slot, page map, top again): 6.1 ns a pair of 64 bytes where two magazines took 4.0. The price is that the next
// block is not the one freed last, but one of the magazine's.
//
// Stacked classes (above): one magazine is loaded and serves both, last in, first out, and a second one waits behind it. Their blocks span cache lines
// and pages, and the one freed last is the one still warm.
//
//     loaded   [ b0 b1 b2 b3 .. .. ]          waiting  [ b7 b9 b4 b5 ]    full, empty or anything between
//                         ^ top   ^ end
//
// What makes the kinds one to the fast paths: Free sees a bin as a FreeSide, which begins at offset 8 in a paired bin and at 0 in a stacked
// one (page map entries carry the place), so that the top it writes is the top that Alloc reads.
//
//     offset   0          8         16        24        32        40                   48       56
//     paired   AllocTop    FreeTop    Inverse   Bias      FreeEnd    Shift, BlockCount    Taking   Putting
//     stacked  top        Inverse   Bias      end       Shift, BlockCount    0         Taking   Putting
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct Bin
{
    public const int Bytes = 1 << PageMapEntry.BinShift;

    // The newest filled slot of the magazine that Alloc takes from, or its sentinel when it is empty.
    public void** AllocTop;

    // Where a paired class's FreeSide lies. A stacked class's begins at AllocTop and ends 8 bytes before this one would.
    private readonly FreeSide _put;

    // The magazines: for a stacked class the loaded one and the waiting one. Null before the first use (the tops then point at the cache's
    // empty slot). The counts of those that a top points into are out of date.
    public Magazine* Primary;
    public Magazine* Secondary;
}
