using System.Runtime.InteropServices;
using Hakmem.Arenas;
using Hakmem.Depots;

namespace Hakmem.ThreadCaches;

// One size class in a thread's cache: a cache line that holds all that the fast paths read and write.
//
//   Alloc takes from one magazine, Free puts into another:
//
//     taking   [ b0 b1 b2 b3 .. .. ]          putting  [ b7 b9 .. .. .. .. ]
//                        ^ TakeTop                           ^ PutTop       ^ PutEnd
//
// and when nothing is left to take, the two change places. With one magazine for both, a loop that frees what it has just allocated
// is one long chain of loads that wait for the stores before them (top, slot, page map, top again): 6.1 ns a pair where two
// magazines take 3.3. The price is that the next block is not the one freed last but one of the magazine's.
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct Bin
{
    public const int Bytes = 1 << PageMapEntry.BinShift;

    // The newest filled slot of the taking magazine, or its sentinel when it is empty.
    public void** TakeTop;

    // The newest filled slot of the putting magazine, or its sentinel when it is empty.
    public void** PutTop;

    // The slot that must not be pushed past. Never before PutTop.
    public void** PutEnd;

    // 2^64 / block size, rounded up: see SizeClassInfo.Reciprocal. Twice, so that both uses in Free are memory operands.
    public ulong Reciprocal;
    public ulong RemainderLimit;

    // The bytes of a span that blocks cover.
    public ulong SpanBlockBytes;

    // The two magazines; null before the first use (the tops then point at the cache's empty slot). Their counts are out of date.
    public Magazine* Taking;
    public Magazine* Putting;
}
