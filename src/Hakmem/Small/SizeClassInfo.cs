using System;
using System.Numerics;
using Hakmem.Records;

namespace Hakmem.Small;

// What the layers need to know of one size class. Immutable; one table for the process, and one for each heap with guarded sampling or full hardening.
internal readonly struct SizeClassInfo
{
    // At most this share of a span may be left over behind its last block.
    private const int SpanWasteDivisor = 16;

    // Blocks up to a unit share a span with at least this many, so that a span is not opened for every block.
    private const int MinBlocksPerSpan = 4;

    // A magazine is filled from the spans with at most this many bytes of blocks, but from MinRefill to MaxMagazine of them: 253 slots (2 KiB with the
    // header) make the depot's lock vanish among the calls it serves. Where that is the least, what a thread gives back may make it twice as many,
    // in place of a second magazine: where as many blocks are out as a magazine holds, every round of them changes magazines twice (1 MiB, four
    // out: 13.8 ns a rental for 3.5).
    private const int MagazineBytes = 256 * 1024;
    private const int MinRefill = 4;
    private const int MaxMagazine = 253;

    // What a thread's magazine may hold when it first meets the class; it doubles with every visit to the depot. Paired classes start with a
    // page's worth, so that a program's first blocks of many sizes touch few pages (61 slots make 512 bytes with the header). Stacked
    // ones start with more, since blocks that were never handed out are not touched and the newest are used first.
    private const int InitialPairedBytes = 4 * 1024;
    private const int MaxInitialPaired = 61;
    private const int InitialStackedBytes = 64 * 1024;

    private SizeClassInfo(int index, int maxVisibleBlocks)
    {
        Index = index;
        BlockBytes = SizeClass.BytesOf(index);
        int minBlocks = BlockBytes <= Geometry.UnitBytes ? MinBlocksPerSpan : 1;
        int units = 1;
        while (!IsAcceptable(units, BlockBytes, minBlocks))
        {
            units++;
        }

        SpanUnits = units;
        BlocksPerSpan = units * Geometry.UnitBytes / BlockBytes;
        Reciprocal = (ulong.MaxValue / (uint)BlockBytes) + 1;
        Shift = BitOperations.TrailingZeroCount(BlockBytes);
        Inverse = InverseOf((ulong)BlockBytes >> Shift);
        IsStacked = index >= SizeClass.FirstStacked && maxVisibleBlocks == int.MaxValue;
        int initial = IsStacked
            ? Math.Max(InitialStackedBytes / BlockBytes, MinRefill)
            : Math.Clamp(InitialPairedBytes / BlockBytes, MinRefill, MaxInitialPaired);
        RefillCapacity = Math.Min(Math.Clamp(MagazineBytes / BlockBytes, MinRefill, MaxMagazine), maxVisibleBlocks);
        MagazineCapacity = IsStacked && RefillCapacity == MinRefill ? 2 * MinRefill : RefillCapacity;
        InitialCapacity = Math.Min(initial, RefillCapacity);
    }

    public int Index { get; }

    // The size of a block in bytes: a multiple of 16.
    public int BlockBytes { get; }

    // Units in a span of this class: 1 .. 32.
    public int SpanUnits { get; }

    // Blocks in a span of this class: 1 .. 4096.
    public int BlocksPerSpan { get; }

    // The bytes of a span that blocks cover; what is behind them is never handed out.
    public int SpanBlockBytes => BlocksPerSpan * BlockBytes;

    // 2^64 / BlockBytes, rounded up. For an offset n within a span, the high half of n * Reciprocal is n / BlockBytes, and the low half
    // is below Reciprocal exactly when n is a multiple of BlockBytes (Lemire, Kaser, Kurz: "Faster Remainder by Direct Computation",
    // 2019). Exact for all n below a SuperSlab: a test tries every one.
    public ulong Reciprocal { get; }

    // BlockBytes is 2^Shift times an odd number, whose inverse modulo 2^64 is Inverse: see FreeSide for what Free does with them.
    public int Shift { get; }

    public ulong Inverse { get; }

    // The most blocks that a magazine of this class holds.
    public int MagazineCapacity { get; }

    // The most blocks that the depot fills a magazine with from the spans.
    public int RefillCapacity { get; }

    // How many blocks a thread's first magazine of this class holds.
    public int InitialCapacity { get; }

    // Whether a thread's cache may have a second magazine of the class: where one does not grow beyond what the depot fills it with.
    public bool AllowsSecond => MagazineCapacity == RefillCapacity;

    // Whether thread caches keep one loaded magazine for the class, last in, first out, rather than a pair (see Bin).
    public bool IsStacked { get; }

    // The table of heaps without sampling and full hardening. Not to be changed.
    public static SizeClassInfo[] Standard { get; } = CreateTable();

    public static SizeClassInfo[] CreateTable() => CreateTable(int.MaxValue);

    // For a heap in which no more than so many blocks of a class may be allocated before the slow path is entered: all classes are paired,
    // because a block that is put back on the stack it came from is never seen again, and magazines hold no more than that.
    public static SizeClassInfo[] CreateTable(int maxVisibleBlocks)
    {
        var table = new SizeClassInfo[SizeClass.Count];
        for (int index = 0; index < table.Length; index++)
        {
            table[index] = new SizeClassInfo(index, maxVisibleBlocks);
        }

        return table;
    }

    // Newton's iteration: an odd number is its own inverse modulo 8, and each step doubles the number of bits that are right.
    private static ulong InverseOf(ulong odd)
    {
        ulong inverse = odd;
        while (odd * inverse != 1)
        {
            inverse *= 2 - (odd * inverse);
        }

        return inverse;
    }

    private static bool IsAcceptable(int units, int blockBytes, int minBlocks)
    {
        int bytes = units * Geometry.UnitBytes;
        return bytes / blockBytes >= minBlocks && bytes % blockBytes <= bytes / SpanWasteDivisor;
    }
}
