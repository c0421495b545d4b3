using System;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// The one reserved address range in which every SuperSlab of the process lies, and the records found from an address by arithmetic.
//
//   +------------+------------+--------------+-----------+------------------------------------------+
//   | SuperSlab  | span       | free bitmaps | page map  | arena: SuperSlab 0, 1, 2, ...            |
//   | headers    | headers    |              | 128 MiB   | 1 TiB, or less where that is refused     |
//   +------------+------------+--------------+-----------+------------------------------------------+
//                                                        ^ Base, 128 MiB-aligned
//
// The page map always has entries for 1 TiB, however small the arena turned out, so that a constant mask keeps any index inside it. It
// is readable from the start (as zeros, for which the kernel takes no memory) and becomes writable, as the other tables become
// accessible at all, in batches as SuperSlabs are taken for the first time. Base is aligned to a batch, so that the circular page map
// never wraps within one.
//
// Owned by the process (or a test). Hands out SuperSlabs by index, uncommitted; who has one is the heaps' business.
// Those given back last are handed out again last: see ReleasedSuperSlabs.
internal sealed unsafe partial class Arena
{
    public const long PageMapBytes = (Geometry.MaxArenaBytes >> Geometry.UnitShift) * sizeof(ulong);
    public const int MaxUnits = (int)(Geometry.MaxArenaBytes >> Geometry.UnitShift);
    private const int EntryShift = 3;

    public const int BitmapWordsPerUnit = Geometry.MaxBlocksPerSpan / 64;

    // Tables become writable for this many SuperSlabs at a time (128 MiB of arena, about 1.2 MiB of tables, untouched until used).
    private const int TableBatchSlabs = 64;

    private const int SpanHeaderBytesPerSlab = Geometry.UnitsPerSlab * SpanHeader.Bytes;
    private const int BitmapBytesPerSlab = Geometry.UnitsPerSlab * BitmapWordsPerUnit * sizeof(ulong);

    private const nuint BatchBytes = (nuint)TableBatchSlabs << Geometry.SlabShift;

    // The smallest arena worth having.
    private const long MinArenaBytes = 64L << 20;

    private readonly UninterruptibleLock _lock = new();
    private readonly SuperSlabBitmap _taken;
    private readonly MemoryLimit _limit;

    // SuperSlabs below this have been taken one at a time before, or lie below one that has. Guarded by _lock.
    private int _populatedSlabs;

    // Whether a fault handler reads the tables. Only ever set; read by whoever releases, when nobody else is in the
    // arena.
    private volatile bool _isReported;

    private readonly byte* _slabHeaders;
    private readonly byte* _spanHeaders;
    private readonly byte* _bitmaps;

    // Tables are writable for SuperSlabs below this. Written under the lock (release), read by anyone (acquire) before a header
    // is read for an address that no live block vouches for. Only grows.
    private volatile int _tableSlabs;

    // Without a limit it has the default one of the memory's. Throws OutOfMemoryException if not even the smallest
    // arena can be reserved, and PlatformNotSupportedException if a unit, which is discarded and guarded by itself, is
    // less than a page, or if the addresses are too low for the page map's entries.
    public Arena(OsMemory os, long maxBytes = Geometry.MaxArenaBytes, MemoryLimit? limit = null)
    {
        if (os.PageSize > Geometry.UnitBytes)
        {
            throw new PlatformNotSupportedException(
                $"Hakmem manages memory by {Geometry.UnitBytes >> 10} KiB, and this system's pages have {os.PageSize >> 10} KiB. " + OsMemory.Supported);
        }

        Os = os;
        _limit = limit ?? new MemoryLimit(os);
        Metadata = new MetadataAllocator(os);
        _resting = new ReleasedSuperSlabs(this);
        long bytes = maxBytes;
        byte* start = TryReserve(os, bytes);
        while (start == null && bytes > MinArenaBytes)
        {
            bytes >>= 1;
            start = TryReserve(os, bytes);
        }

        if (start != null && bytes < maxBytes && bytes > MinArenaBytes)
        {
            // The address space is limited (ulimit -v). Half of what could be had leaves the rest of the process room to grow.
            os.TryRelease(start, (nuint)ReservationBytes(bytes));
            bytes >>= 1;
            start = TryReserve(os, bytes);
        }

        if (start == null)
        {
            throw new OutOfMemoryException("Hakmem could not reserve address space for its arena; is `ulimit -v` set very low?");
        }

        if ((ulong)start < PageMapEntry.LeastAddress)
        {
            os.TryRelease(start, (nuint)ReservationBytes(bytes));
            throw new PlatformNotSupportedException(
                $"Hakmem's page map needs addresses from 0x{PageMapEntry.LeastAddress:x} on, and this system gave 0x{(nuint)start:x}. " + OsMemory.Supported);
        }

        SlabCount = (int)(bytes >> Geometry.SlabShift);
        Base = (byte*)(((nuint)start + (nuint)TableBytes(bytes) + BatchBytes - 1) & ~(BatchBytes - 1));
        _slabHeaders = start;
        _spanHeaders = _slabHeaders + ((long)SlabCount * SuperSlabHeader.Bytes);
        _bitmaps = _spanHeaders + ((long)SlabCount * Geometry.UnitsPerSlab * SpanHeader.Bytes);

        if (!os.TryMakeReadable(Base - PageMapBytes, (nuint)PageMapBytes))
        {
            os.TryRelease(start, (nuint)ReservationBytes(bytes));
            throw new OutOfMemoryException("Hakmem could not make its page map readable.");
        }

        _taken = new SuperSlabBitmap(Metadata);
        _occupied = new SuperSlabBitmap(Metadata);
    }

    public OsMemory Os { get; }

    public MetadataAllocator Metadata { get; }

    // The first byte of SuperSlab 0.
    public byte* Base { get; }

    public int SlabCount { get; }

    // How many heaps it can have.
    public int MaxHeapSlots => PageMapEntry.MaxSlotsFrom((ulong)Base);

    public long ReservedBytes => (long)SlabCount << Geometry.SlabShift;

    // What can be taken at most, as far as that is known yet.
    public long LimitBytes => Math.Min(ReservedBytes, _limit.Bytes);

    // Of all heaps: committed, or about to be.
    public long TakenBytes
    {
        get
        {
            using (_lock.Enter())
            {
                return (long)_taken.Count << Geometry.SlabShift;
            }
        }
    }

    // The page map: MaxUnits entries, indexed by the unit's number in the whole address space modulo MaxUnits. So any pointer at all has an
    // entry, without a check, and the entry, which names its span's address in full, tells whether it is the pointer's own.
    // SAFETY: all of them are readable from the constructor on and for good.
    public ulong* PageMap => (ulong*)(Base - PageMapBytes);

    // Any address's entry in a page map: the shift that makes a unit's number of an address, and the one that makes bytes of it, in one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong EntryOf(ulong* pageMap, void* address) => *(ulong*)((byte*)pageMap +
        (((nuint)address >> (Geometry.UnitShift - EntryShift)) & (nuint)(PageMapBytes - sizeof(ulong))));

    public ulong* EntryOf(int unit) => PageMap + ((((nuint)Base >> Geometry.UnitShift) + (nuint)unit) & (MaxUnits - 1));

    // Sets the entries of adjoining units of one SuperSlab.
    public void SetEntries(int unit, int count, ulong entry)
    {
        ulong* entries = EntryOf(unit);
        for (int i = 0; i < count; i++)
        {
            entries[i] = entry;
        }
    }

    // The unit of an address inside the arena.
    public int UnitOf(nuint address) => (int)((address - (nuint)Base) >> Geometry.UnitShift);

    // SAFETY (the next three): the index must be of a SuperSlab that has been taken at least once; see HasTables.
    public SuperSlabHeader* Slab(int slab) => (SuperSlabHeader*)(_slabHeaders + ((long)slab * SuperSlabHeader.Bytes));

    public SpanHeader* Span(int unit) => (SpanHeader*)(_spanHeaders + ((long)unit * SpanHeader.Bytes));

    public ulong* Bitmap(int unit) => (ulong*)_bitmaps + ((long)unit * BitmapWordsPerUnit);

    public byte* AddressOfSlab(int slab) => Base + ((long)slab << Geometry.SlabShift);

    public byte* AddressOfUnit(int unit) => Base + ((long)unit << Geometry.UnitShift);

    // Whether the offset from Base lies in a SuperSlab whose headers may be read.
    public bool HasTables(nuint offset) => (offset >> Geometry.SlabShift) < (nuint)_tableSlabs;

    // Has faults at guarded blocks reported, if the system can. The arena is then never released.
    public bool TryReportFaults()
    {
        bool isDone = Os.TryReportFaults(new FaultMap
        {
            ArenaBase = Base,
            ArenaBytes = (nuint)ReservedBytes,
            PageMap = PageMap,
            SpanHeaders = _spanHeaders,
        });
        _isReported |= isDone;
        return isDone;
    }

    // Gives the whole address range back, all tables included; false if it cannot be. Nothing of the arena may be used
    // afterwards, by any thread, and no pointer into it.
    public bool TryRelease()
    {
        bool isDone = !_isReported && Os.TryRelease(_slabHeaders, (nuint)ReservationBytes(ReservedBytes));
        if (isDone)
        {
            TryUseLiveTable(null)?.Release();
        }

        return isDone;
    }

    // Asks the system for its limit, if it may have changed, ahead of the SuperSlab that would have to wait for the
    // answer. Under no lock, on a thread that has the time.
    public void LearnLimit() => _limit.Learn();

    // After an allocation that failed, under no lock: whether the system's limit leaves more than it did, so that
    // another try may succeed.
    public bool TryLearnLimit() => _limit.TryLearn();

    // Whole pages, whatever their size.
    private static long TableBytes(long arenaBytes)
    {
        long slabs = arenaBytes >> Geometry.SlabShift;
        long perSlab = SuperSlabHeader.Bytes + SpanHeaderBytesPerSlab + BitmapBytesPerSlab;
        return (((slabs * perSlab) + Geometry.UnitBytes - 1) & -(long)Geometry.UnitBytes) + PageMapBytes;
    }

    private static long ReservationBytes(long arenaBytes) => TableBytes(arenaBytes) + arenaBytes + (long)BatchBytes;

    private static byte* TryReserve(OsMemory os, long arenaBytes) => os.TryReserve((nuint)ReservationBytes(arenaBytes));

    // What must be added to an index before its alignment says anything about the address's.
    public int PhaseOf(int alignmentSlabs) => (int)(((nuint)Base >> Geometry.SlabShift) & (nuint)(alignmentSlabs - 1));

    private bool TryTakeLocked(int first, int count)
    {
        if (!_limit.Admits(_taken.Count + count) || !TryReserve(first + count) ||
            (first + count > _tableSlabs && !TryExtendTables(first + count)))
        {
            return false;
        }

        MarkTaken(first, count);
        if (count == 1 && first >= _populatedSlabs)
        {
            _populatedSlabs = first + 1;
            Populate(_spanHeaders, SpanHeaderBytesPerSlab, first);
            Populate(_bitmaps, BitmapBytesPerSlab, first);
        }

        return true;
    }

    // Asks for the pages of a SuperSlab's part of a table at once: it is going to be cut into spans, whose first blocks would each wait for a page
    // fault. A refusal costs just those.
    private void Populate(byte* table, int bytesPerSlab, int slab)
    {
        byte* start = PageOf(table + ((long)slab * bytesPerSlab));
        byte* end = PageOf(table + ((slab + 1L) * bytesPerSlab) + Os.PageSize - 1);
        Os.TryPopulate(start, (nuint)(end - start));
    }

    // A batch at a time, since the page map may wrap between two. What was made writable before a refusal stays so: the next try repeats
    // the call, which is harmless.
    private bool TryExtendTables(int slabs)
    {
        while (_tableSlabs < slabs)
        {
            int from = _tableSlabs;
            int end = Math.Min(SlabCount, from + TableBatchSlabs);
            byte* map = (byte*)EntryOf(from << Geometry.UnitsPerSlabShift);
            bool isDone =
                TryCommit(_slabHeaders, SuperSlabHeader.Bytes, from, end) &&
                TryCommit(_spanHeaders, SpanHeaderBytesPerSlab, from, end) &&
                TryCommit(_bitmaps, BitmapBytesPerSlab, from, end) &&
                TryCommit(map, Geometry.UnitsPerSlab * sizeof(ulong), 0, end - from) &&
                (_live is null || _live.TryCommit(from, end));
            if (!isDone)
            {
                return false;
            }

            _tableSlabs = end;
        }

        return true;
    }

    private bool TryCommit(byte* table, int bytesPerSlab, int fromSlab, int endSlab)
    {
        byte* start = PageOf(table + ((long)fromSlab * bytesPerSlab));
        byte* end = PageOf(table + ((long)endSlab * bytesPerSlab) + Os.PageSize - 1);
        return Os.TryCommit(start, (nuint)(end - start));
    }

    private byte* PageOf(byte* address) => (byte*)((nuint)address & ~(Os.PageSize - 1));
}
