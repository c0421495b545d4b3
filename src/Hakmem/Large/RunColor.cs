using System.Numerics;
using Hakmem.Records;

namespace Hakmem.Large;

// Where in its run a large block begins.
//
// If every one began with a SuperSlab, the first bytes of all their pages would compete for the same 1/64 of a cache's sets: programs that touch
// each page at one offset (headers, row starts, a byte to fault it in) then miss where the cache as a whole is nearly empty. 20 blocks
// of 5 to 25 MiB, each page touched: 60 us a block without, 41 us with (the memory of one block alone: 41 us). The idea is Bonwick's slab coloring;
// jemalloc does it for large blocks as `cache_oblivious`.
//
// The color follows from the address, 32 MiB by 32 MiB, so that memory that is reused is touched where it was touched before: a color drawn
// anew for each block costs as much as none. It never takes a SuperSlab more: a block that nearly fills its run begins at the start.
internal static class RunColor
{
    private const int LineBytes = 64;
    private const int LinesPerPage = 4096 / LineBytes;
    private const int RegionShift = 25 - Geometry.SlabShift;

    // A number of bytes for a run that starts at a SuperSlab, is of so many bytes, and is wanted for byteCount.
    public static int OffsetFor(int head, nuint runBytes, nuint byteCount)
    {
        // Neighbouring regions get colors far apart, so that the prefetcher of one does not run into the next.
        int color = (int)(BitOperations.RotateLeft((uint)(head >> RegionShift) * 0x9E3779B1u, 6) % LinesPerPage);
        int offset = color * LineBytes;
        return (nuint)offset <= runBytes - byteCount ? offset : 0;
    }
}
