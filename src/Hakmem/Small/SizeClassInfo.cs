using System;
using System.Diagnostics;
using Hakmem.Records;

namespace Hakmem.Small;

// The parameters of one size class, or of a stripe's bin of it (see Stripe). Immutable. Heaps share a table; those with
// guarded sampling or full hardening have one of their own, without stripes.
internal readonly struct SizeClassInfo
{
    // The most blocks of a magazine: the slots that fit 2 KiB with the header, which make the cost of the depot's lock
    // negligible among the calls that it serves.
    public const int MaxMagazine = ((2 * 1024) - Magazine.HeaderBytes) / sizeof(ulong);

    // The rest of a span behind its last block is at most this fraction of the span.
    private const int SpanWasteDivisor = 16;

    // A span of blocks up to a unit has at least this many, so that not every block needs a new span.
    private const int MinBlocksPerSpan = 4;

    // A magazine is filled from the spans with this many bytes of blocks, but at least MinRefill and at most
    // MaxMagazine blocks. Classes that are filled with MinRefill blocks let Free grow the magazine to twice as many, in
    // place of a second magazine: else a program that holds as many blocks as a magazine has would exchange
    // magazines twice a round (1 MiB, four held: 13.8 ns a rental instead of 3.5).
    private const int MagazineBytes = 256 * 1024;
    private const int MinRefill = 4;

    // The capacity of a thread's first magazine of the class; it doubles with each visit to the depot. Paired classes
    // start with a page of blocks, or the slots that fit 512 bytes with the header, so that a program's first blocks of
    // many sizes touch few pages. Stacked classes start with more, since they allocate the newest blocks first and do
    // not touch the others.
    private const int InitialPairedBytes = 4 * 1024;
    private const int MaxInitialPaired = (512 - Magazine.HeaderBytes) / sizeof(ulong);
    private const int InitialStackedBytes = 64 * 1024;

    private SizeClassInfo(int index, int maxVisibleBlocks)
    {
        Index = index;
        Class = Stripe.ClassOf(index);
        BlockBytes = SizeClass.BytesOf(Class);
        int minBlocks = BlockBytes <= Geometry.UnitBytes ? MinBlocksPerSpan : 1;
        int units = 1;
        while (!IsAcceptable(units, BlockBytes, minBlocks))
        {
            units++;
        }

        Debug.Assert(units <= Geometry.UnitsPerSlab, "A span exceeds its SuperSlab.");
        SpanUnits = units;
        BlocksPerSpan = units * Geometry.UnitBytes / BlockBytes;
        Reciprocal = (ulong.MaxValue / (uint)BlockBytes) + 1;
        IsStacked = Class >= SizeClass.FirstStacked && maxVisibleBlocks == int.MaxValue;
        int initial = IsStacked
            ? Math.Max(InitialStackedBytes / BlockBytes, MinRefill)
            : Math.Clamp(InitialPairedBytes / BlockBytes, MinRefill, MaxInitialPaired);
        RefillCapacity = Math.Min(Math.Clamp(MagazineBytes / BlockBytes, MinRefill, MaxMagazine), maxVisibleBlocks);
        MagazineCapacity = IsStacked && RefillCapacity == MinRefill ? 2 * MinRefill : RefillCapacity;
        InitialCapacity = Math.Min(initial, RefillCapacity);
        Debug.Assert(BlocksPerSpan <= Geometry.MaxBlocksPerSpan, "A span's bitmap is too small for its blocks.");
        Debug.Assert(InitialCapacity > 0 && RefillCapacity <= MagazineCapacity, "The capacities are not in order.");
        Debug.Assert(Class == 0 || BlockBytes > SizeClass.BytesOf(Class - 1), "The size classes are not in order.");
    }

    // The index of the bin, the depot and the place in the table.
    public int Index { get; }

    // The size class: 0 .. 111.
    public int Class { get; }

    // The size of a block in bytes: a multiple of 16.
    public int BlockBytes { get; }

    // Units in a span of this class: 1 .. 32.
    public int SpanUnits { get; }

    // Blocks in a span of this class: 1 .. 4096.
    public int BlocksPerSpan { get; }

    // The bytes of a span that blocks cover; the bytes behind them are never allocated.
    public int SpanBlockBytes => BlocksPerSpan * BlockBytes;

    // 2^64 / BlockBytes, rounded up. For an offset n within a span, the high half of n * Reciprocal is n / BlockBytes,
    // and the low half is below Reciprocal exactly when n is a multiple of BlockBytes (Lemire, Kaser, Kurz: "Faster
    // Remainder by Direct Computation", 2019). Exact for all n below a SuperSlab, as a test checks.
    public ulong Reciprocal { get; }

    // The most blocks that a magazine of this class holds.
    public int MagazineCapacity { get; }

    // The most blocks that the depot fills a magazine with.
    public int RefillCapacity { get; }

    // The capacity of a thread's first magazine of this class.
    public int InitialCapacity { get; }

    // Whether a thread's cache may have a second magazine of the class: if one does not grow beyond RefillCapacity.
    public bool AllowsSecond => MagazineCapacity == RefillCapacity;

    // Whether thread caches use one magazine of the class for Alloc and Free, last in, first out (see Bin).
    public bool IsStacked { get; }

    // The table of heaps without sampling and full hardening. Not to be changed.
    public static SizeClassInfo[] Standard { get; } = CreateTable(int.MaxValue, Stripe.Bins);

    // A table without stripes.
    public static SizeClassInfo[] CreateTable() => CreateTable(int.MaxValue);

    // For a heap whose slow path must run at least once for each maxVisibleBlocks allocations of a class. Magazines
    // hold no more than that, and all classes are paired: on a stack, a block that is freed could be allocated again
    // and again without the slow path.
    public static SizeClassInfo[] CreateTable(int maxVisibleBlocks) => CreateTable(maxVisibleBlocks, SizeClass.Count);

    private static SizeClassInfo[] CreateTable(int maxVisibleBlocks, int count)
    {
        var table = new SizeClassInfo[count];
        for (int index = 0; index < table.Length; index++)
        {
            table[index] = new SizeClassInfo(index, maxVisibleBlocks);
        }

        return table;
    }

    private static bool IsAcceptable(int units, int blockBytes, int minBlocks)
    {
        int bytes = units * Geometry.UnitBytes;
        return bytes / blockBytes >= minBlocks && bytes % blockBytes <= bytes / SpanWasteDivisor;
    }
}
