using System;
using Hakmem.Records;

namespace Hakmem.Guarded;

// Where a guarded block lies in its range.
//
//   +-------+-------------------------------------------+---------------------+
//   | guard | slack |              block        | slack | guard, to the range's end |
//   +-------+-------------------------------------------+---------------------+
//           FrontBytes      BlockOffset         < 16     DataEnd                TotalBytes
//
// The block ends as near to the guard behind it as its alignment allows, so that an overflow is seen at once or by the slack's poison
// when it is freed. A block aligned to more than a page begins where its range does, and has no guard in front.
internal readonly struct GuardedLayout
{
    public GuardedLayout(nuint byteCount, nuint alignment, nuint pageBytes)
    {
        nuint pageMask = pageBytes - 1;
        nuint dataBytes = (nuint.Max(byteCount, 1) + pageMask) & ~pageMask;
        bool hasFront = alignment <= pageBytes;
        FrontBytes = hasFront ? pageBytes : 0;
        DataEnd = FrontBytes + dataBytes;
        nuint step = nuint.Max(alignment, Geometry.MinAlignment);
        BlockOffset = hasFront ? (DataEnd - nuint.Max(byteCount, 1)) & ~(step - 1) : 0;
        TotalBytes = DataEnd + pageBytes;
    }

    public nuint FrontBytes { get; }

    public nuint BlockOffset { get; }

    public nuint DataEnd { get; }

    public nuint TotalBytes { get; }
}
