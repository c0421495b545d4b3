namespace Hakmem.Records;

// The sizes that the whole design is cut to.
internal static class Geometry
{
    // A unit: the granularity of the page map.
    public const int UnitShift = 16;
    public const int UnitBytes = 1 << UnitShift;

    // A SuperSlab: what is committed, prefaulted, discarded and cached. The size of a huge page on x86-64 and (with 4 KiB pages) Arm64.
    public const int SlabShift = 21;
    public const int SlabBytes = 1 << SlabShift;
    public const int UnitsPerSlab = SlabBytes / UnitBytes;
    public const int UnitsPerSlabShift = SlabShift - UnitShift;

    // The largest arena: 1 TiB of addresses. The page map always covers this much, so that one shift checks an address.
    public const int MaxArenaShift = 40;
    public const long MaxArenaBytes = 1L << MaxArenaShift;

    // Every block's alignment is at least this.
    public const int MinAlignment = 16;

    // The smallest block, hence the most blocks in a unit.
    public const int MaxBlocksPerSpan = UnitBytes / MinAlignment;
}
