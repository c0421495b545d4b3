namespace Hakmem.Records;

// The sizes on which the whole design rests.
internal static class Geometry
{
    // A unit: the granularity of the page map.
    public const int UnitShift = 16;
    public const int UnitBytes = 1 << UnitShift;

    // A SuperSlab: what is committed, discarded and cached. A huge page of x86-64 and (with 4 KiB pages) Arm64.
    public const int SlabShift = 21;
    public const int SlabBytes = 1 << SlabShift;
    public const int UnitsPerSlab = SlabBytes / UnitBytes;
    public const int UnitsPerSlabShift = SlabShift - UnitShift;

    // The largest arena: 1 TiB of addresses. The page map always covers it, so that one shift checks an address.
    public const int MaxArenaShift = 40;
    public const long MaxArenaBytes = 1L << MaxArenaShift;

    // The least alignment of a block, and the size of the smallest one.
    public const int MinAlignmentShift = 4;
    public const int MinAlignment = 1 << MinAlignmentShift;

    // The most blocks of a span: as many as one unit has of the smallest size.
    public const int MaxBlocksPerSpan = UnitBytes / MinAlignment;
}
