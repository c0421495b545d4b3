using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Pages;

// The one reserved address range that contains every SuperSlab of the process, and the records found from an address.
//
//   +------------+------------+--------------+-----------+------------------------------------------+
//   | SuperSlab  | span       | free bitmaps | page map  | arena: SuperSlab 0, 1, 2, ...            |
//   | headers    | headers    |              | 128 MiB   | 1 TiB, or less if the system refuses     |
//   +------------+------------+--------------+-----------+------------------------------------------+
//                                                        ^ Base, 128 MiB-aligned
//
// The page map has entries for a power of two of units, so that a mask keeps every index inside it: for 1 TiB whatever
// the arena's size, if readable zeros are free, else for as much as the arena needs, but at least for MinMappedBytes.
// It is readable from the start (as zeros, without memory). It becomes writable, and the other tables accessible, in
// batches as SuperSlabs are taken for the first time. Base is aligned to a batch, within which the map never wraps.
//
// One arena per process (or per test). It hands out SuperSlabs by index, uncommitted, the lowest first; heaps own them.
// Those released recently are handed out again last, so that a stale pointer of the program points to nothing for a
// while, rather than to another heap's blocks. Thread-safe, by one lock.
internal sealed unsafe class Arena
{
    // The least address space that a page map covers: PageMapEntry needs that many bits of an address to tell heaps
    // apart.
    public const long MinMappedBytes = (long)PageMapEntry.MaxHeapSlots << (Geometry.SlabShift + 1);

    private const int EntryShift = 3;

    // From an address to the byte of the page map: address to unit number, unit number to bytes.
    public const int MapShift = Geometry.UnitShift - EntryShift;

    public const int BitmapWordsPerUnit = Geometry.MaxBlocksPerSpan / 64;

    // Tables become writable for this many SuperSlabs at a time: 128 MiB of arena, about 1.2 MiB of tables.
    private const int TableBatchSlabs = 64;

    private const int SpanHeaderBytesPerSlab = Geometry.UnitsPerSlab * SpanHeader.Bytes;
    private const int BitmapBytesPerSlab = Geometry.UnitsPerSlab * BitmapWordsPerUnit * sizeof(ulong);
    private const long BytesPerSlabOfTables = SuperSlabHeader.Bytes + SpanHeaderBytesPerSlab + BitmapBytesPerSlab;

    private const nuint BatchBytes = (nuint)TableBatchSlabs << Geometry.SlabShift;

    private const long MinArenaBytes = 64L << 20;

    // Released SuperSlabs that are kept back at least (or as many as were ever taken at a time, if that is more). One
    // that is taken for the first time costs 18 KiB of tables: a program that creates and disposes heaps in a loop pays
    // 2.3 MiB once.
    private const int MinReleasedSlabs = 128;

    private readonly UninterruptibleLock _lock = new();
    private readonly MemoryLimit _limit;
    private readonly byte* _slabHeaders;
    private readonly byte* _spanHeaders;
    private readonly byte* _bitmaps;

    // _lock guards these: the SuperSlabs that are taken; those that are taken or kept back; those kept back, linked
    // through their headers; and the most that were ever taken at a time.
    private readonly SuperSlabBitmap _taken;
    private readonly SuperSlabBitmap _unavailable;
    private SuperSlabList _released = new();
    private int _peakTaken;

    // Guarded by _lock: SuperSlabs below this were taken one by one before, or lie below one that was.
    private int _populatedSlabs;

    // The tables of live blocks and of tagged ones, from the first heap on that needs one. Written once, under _lock,
    // when they are writable for as many SuperSlabs as the other tables; used under it.
    private LiveTable? _live;
    private TagTable? _tags;

    // Whether a fault handler reads the tables. Only ever set; read when no other thread is in the arena.
    private volatile bool _isReported;

    // Tables are writable for SuperSlabs below this; only grows. Written under _lock (release); read by any thread
    // (acquire) before it reads a header for an address that need not be a live block.
    private volatile int _tableSlabs;

    private readonly int _mapUnits;

    // Throws OutOfMemoryException if not even the smallest arena can be reserved, and PlatformNotSupportedException if
    // a page is larger than a unit (units are discarded and guarded one by one), or the addresses are too low for
    // entries.
    public Arena(OsMemory os, long maxBytes = Geometry.MaxArenaBytes, MemoryLimit? limit = null)
    {
        if (os.PageSize > Geometry.UnitBytes)
        {
            throw new PlatformNotSupportedException(
                $"Hakmem manages memory in units of {Geometry.UnitBytes >> 10} KiB, and a page of this system has " +
                $"{os.PageSize >> 10} KiB. {OsMemory.Supported}");
        }

        Os = os;
        _limit = limit ?? new MemoryLimit(os);
        Metadata = new MetadataAllocator(os);
        long most = Math.Min(maxBytes, os.MaxArenaBytes);
        long bytes = most;
        PageMapBytes = MapBytesFor(os, bytes);
        byte* start = TryReserve(bytes);
        while (start == null && bytes > MinArenaBytes)
        {
            bytes >>= 1;
            start = TryReserve(bytes);
        }

        if (start != null && bytes < most && bytes > MinArenaBytes)
        {
            // The address space is limited (ulimit -v). Half of what is possible leaves the rest of the process room.
            os.TryRelease(start, (nuint)ReservationBytes(bytes));
            bytes >>= 1;
            start = TryReserve(bytes);
        }

        if (start == null)
        {
            throw new OutOfMemoryException(
                "Hakmem could not reserve address space for its arena. Is `ulimit -v` set very low?");
        }

        if ((ulong)start < PageMapEntry.LeastAddress)
        {
            os.TryRelease(start, (nuint)ReservationBytes(bytes));
            throw new PlatformNotSupportedException(
                $"Hakmem's page map needs addresses from 0x{PageMapEntry.LeastAddress:x} on, and this system " +
                $"returned 0x{(ulong)start:x}. {OsMemory.Supported}");
        }

        _mapUnits = (int)(PageMapBytes / sizeof(ulong));
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
        _unavailable = new SuperSlabBitmap(Metadata);
    }

    public OsMemory Os { get; }

    public MetadataAllocator Metadata { get; }

    // The first byte of SuperSlab 0.
    public byte* Base { get; }

    public int SlabCount { get; }

    public int MaxHeapSlots => PageMapEntry.MaxSlotsFrom((ulong)Base);

    public long ReservedBytes => (long)SlabCount << Geometry.SlabShift;

    // The bytes of tables that the system charges to this process: those that are writable, and the page map unless
    // readable zeros are free.
    public long TableBytesCharged => (_tableSlabs * BytesPerSlabOfTables) +
        (Os.Has(OsFeatures.ReadableIsFree)
            ? _tableSlabs * (long)(Geometry.UnitsPerSlab * sizeof(ulong))
            : PageMapBytes);

    // The start of the reservation: the tables, which reach to Base.
    public byte* TablesStart => _slabHeaders;

    // The most bytes that can be taken, as far as the system's limit is known.
    public long LimitBytes => Math.Min(ReservedBytes, _limit.Bytes);

    // Bytes of all heaps that are committed, or about to be.
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

    // The bytes of the page map: a power of two, up to 128 MiB.
    public long PageMapBytes { get; }

    // The page map, indexed by the unit's number in the whole address space modulo its number of entries. Any pointer
    // therefore has an entry, without a check, and the entry contains its span's full address, so that it tells whether
    // it belongs to the pointer.
    // SAFETY: all entries are readable as long as the arena exists.
    public ulong* PageMap => (ulong*)(Base - PageMapBytes);

    // What remains of an address, shifted to bytes of the page map, to give its entry's place.
    public nuint PageMapMask => (nuint)(PageMapBytes - sizeof(ulong));

    // The entry of any address.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong EntryOf(ThreadCache* cache, void* address) => *(ulong*)((byte*)cache->PageMap +
        (((nuint)address >> MapShift) & cache->PageMapMask));

    // The same without a thread's cache.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong EntryOf(void* address) => PageMap[((nuint)address >> Geometry.UnitShift) & (nuint)(_mapUnits - 1)];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong* EntryOf(int unit) =>
        PageMap + ((((nuint)Base >> Geometry.UnitShift) + (nuint)unit) & (nuint)(_mapUnits - 1));

    // Sets the entries of adjoining units of one SuperSlab.
    public void SetEntries(int unit, int count, ulong entry)
    {
        Debug.Assert((unit % Geometry.UnitsPerSlab) + count <= Geometry.UnitsPerSlab, "Not units of one SuperSlab.");
        ulong* entries = EntryOf(unit);
        for (int i = 0; i < count; i++)
        {
            entries[i] = entry;
        }
    }

    public int UnitOf(nuint address) => (int)((address - (nuint)Base) >> Geometry.UnitShift);

    // SAFETY (the next three): the SuperSlab of the index has been taken at least once; see HasTables.
    public SuperSlabHeader* Slab(int slab) => (SuperSlabHeader*)(_slabHeaders + ((long)slab * SuperSlabHeader.Bytes));

    public SpanHeader* Span(int unit) => (SpanHeader*)(_spanHeaders + ((long)unit * SpanHeader.Bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong* Bitmap(int unit) => (ulong*)_bitmaps + ((long)unit * BitmapWordsPerUnit);

    public byte* AddressOfSlab(int slab) => Base + ((long)slab << Geometry.SlabShift);

    public byte* AddressOfUnit(int unit) => Base + ((long)unit << Geometry.UnitShift);

    // Whether an offset from Base lies in a SuperSlab whose headers are readable.
    public bool HasTables(nuint offset) => (offset >> Geometry.SlabShift) < (nuint)_tableSlabs;

    // The number to add to an index so that the sum is aligned exactly if the SuperSlab's address is.
    public int PhaseOf(int alignmentSlabs) => (int)(((nuint)Base >> Geometry.SlabShift) & (nuint)(alignmentSlabs - 1));

    // Takes the lowest run of untaken SuperSlabs whose address is a multiple of alignmentSlabs SuperSlabs, preferably
    // of those that are not kept back; -1 if there is none.
    public int TryTake(int count, int alignmentSlabs)
    {
        int phase = PhaseOf(alignmentSlabs);
        using (_lock.Enter())
        {
            int first = _unavailable.FindGapRun(count, alignmentSlabs, phase, SlabCount);
            bool isPossible = first >= 0 || _taken.FindGapRun(count, alignmentSlabs, phase, SlabCount) >= 0;
            while (first < 0 && isPossible)
            {
                // The address range is used up: the older half becomes available.
                KeepBack(_released.Count / 2);
                first = _unavailable.FindGapRun(count, alignmentSlabs, phase, SlabCount);
            }

            return first >= 0 && TryTakeLocked(first, count) ? first : -1;
        }
    }

    // Finds the lowest such run in which members of the given set count as untaken. Takes the other SuperSlabs of the
    // run, and leaves the members as they are. -1 if there is none.
    public int TryTakeAround(SuperSlabBitmap own, int count, int alignmentSlabs)
    {
        int phase = PhaseOf(alignmentSlabs);
        using (_lock.Enter())
        {
            int first = FindRunAround(own, _unavailable, count, alignmentSlabs, phase);
            first = first < 0 ? FindRunAround(own, _taken, count, alignmentSlabs, phase) : first;
            if (first < 0 || !_limit.Admits(_taken.Count + count - own.CountIn(first, count)) ||
                !TryReserveBelow(first + count))
            {
                return -1;
            }

            MarkGapsTaken(own, first, count);
            return first;
        }
    }

    // Takes exactly these SuperSlabs, but for members of the given set, which stay as they are: all of them, or none if
    // one is taken or the limit has no room for all. Also those that are kept back: a run grows into them, where no
    // block begins to which a stale pointer could point.
    public bool TryTakeAt(int first, int count, SuperSlabBitmap? own = null)
    {
        using (_lock.Enter())
        {
            bool isFree = first + count <= SlabCount;
            for (int slab = first; isFree && slab < first + count; slab++)
            {
                isFree = !_taken.Contains(slab) || (own is not null && own.Contains(slab));
            }

            int missing = count - (own is null ? 0 : own.CountIn(first, count));
            isFree = isFree && _limit.Admits(_taken.Count + missing) && TryReserveBelow(first + count);
            if (isFree)
            {
                MarkGapsTaken(own, first, count);
            }

            return isFree;
        }
    }

    // Takes back SuperSlabs that no heap has used since they were taken. They are available at once.
    public void Untake(int first, int count)
    {
        using (_lock.Enter())
        {
            _taken.Remove(first, count);
            _unavailable.Remove(first, count);
        }
    }

    // Takes back SuperSlabs, which must be decommitted, and keeps them back for a while.
    public void Return(int first, int count)
    {
        using (_lock.Enter())
        {
            _live?.Discard(first, count);
            _tags?.Discard(first, count);
            _taken.Remove(first, count);
            for (int slab = first; slab < first + count; slab++)
            {
                Debug.Assert(Slab(slab)->State == SuperSlabState.Untaken, "A heap still owns the SuperSlab.");
                _released.AddFirst(this, slab);
            }

            KeepBack(Math.Max(MinReleasedSlabs, _peakTaken));
        }
    }

    // The table of live blocks, created under no lock if there is none; null if there is no memory for it.
    public LiveTable? TryMakeLiveTable() =>
        TryUse(ref _live, null) ?? TryUse(ref _live, LiveTable.TryCreate(Os, Base, SlabCount));

    // The same for the table of tagged blocks.
    public TagTable? TryMakeTagTable() =>
        TryUse(ref _tags, null) ?? TryUse(ref _tags, TagTable.TryCreate(Os, Base, SlabCount));

    // The addresses of the tables that are made so far, of those that only some heaps need.
    public void AddBlockTables(List<AddressRange> ranges)
    {
        TryUse(ref _live, null)?.AddRange(ranges);
        TryUse(ref _tags, null)?.AddRange(ranges);
    }

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

    // Releases the whole address range; false if that is impossible. Afterwards no thread may use a pointer into it.
    public bool TryRelease()
    {
        bool isDone = !_isReported && Os.TryRelease(_slabHeaders, (nuint)ReservationBytes(ReservedBytes));
        if (isDone)
        {
            TryUse(ref _live, null)?.Release();
            TryUse(ref _tags, null)?.Release();
        }

        return isDone;
    }

    // Asks the system for its limit before a SuperSlab has to wait for the answer. Takes time. Under no lock.
    public void RefreshLimit()
    {
        _lock.AssertNotHeld();
        _limit.Refresh();
    }

    // The part of the system's limit that is admitted, in percent; 0 for no limit.
    public int LimitPercent => _limit.Percent;

    // Asks the system for its limit. Takes time. Under no lock.
    public void SetLimitPercent(int percent)
    {
        _lock.AssertNotHeld();
        _limit.SetPercent(percent);
    }

    // After a failed allocation: whether the system's limit is higher now. Under no lock.
    public bool TryRefreshLimit()
    {
        _lock.AssertNotHeld();
        return _limit.TryRefresh();
    }

    // Readable zeros that are free cover the largest arena, so that every process has the same map.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long MapBytesFor(OsMemory os, long arenaBytes)
    {
        long mapped = MinMappedBytes;
        while (mapped < (os.Has(OsFeatures.ReadableIsFree) ? Geometry.MaxArenaBytes : arenaBytes))
        {
            mapped <<= 1;
        }

        return (mapped >> Geometry.UnitShift) * sizeof(ulong);
    }

    // Rounded up to whole pages of any supported size.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long TableBytes(long arenaBytes)
    {
        long slabs = arenaBytes >> Geometry.SlabShift;
        return (((slabs * BytesPerSlabOfTables) + Geometry.UnitBytes - 1) & -(long)Geometry.UnitBytes) + PageMapBytes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long ReservationBytes(long arenaBytes) => TableBytes(arenaBytes) + arenaBytes + (long)BatchBytes;

    private byte* TryReserve(long arenaBytes) => Os.TryReserve((nuint)ReservationBytes(arenaBytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryTakeLocked(int first, int count)
    {
        _lock.AssertHeld();
        if (!_limit.Admits(_taken.Count + count) || !TryReserveBelow(first + count))
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

    private void MarkGapsTaken(SuperSlabBitmap? own, int first, int count)
    {
        _lock.AssertHeld();
        for (int slab = first; slab < first + count; slab++)
        {
            if (own is null || !own.Contains(slab))
            {
                MarkTaken(slab, 1);
            }
        }
    }

    // Makes room in the sets and the tables; false if memory is exhausted.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReserveBelow(int limit) =>
        _taken.TryReserve(limit) && _unavailable.TryReserve(limit) && (limit <= _tableSlabs || TryExtendTables(limit));

    // Keeps only the newest released SuperSlabs back.
    private void KeepBack(int count)
    {
        while (_released.Count > count)
        {
            int slab = _released.Tail;
            _released.Remove(this, slab);
            _unavailable.Remove(slab, 1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void MarkTaken(int first, int count)
    {
        _lock.AssertHeld();
        for (int slab = first; slab < first + count; slab++)
        {
            if (_unavailable.Contains(slab))
            {
                _released.Remove(this, slab);
            }
            else
            {
                _unavailable.Add(slab, 1);
            }
        }

        _taken.Add(first, count);
        _peakTaken = Math.Max(_peakTaken, _taken.Count);
    }

    private int FindRunAround(SuperSlabBitmap own, SuperSlabBitmap obstacles, int count, int alignmentSlabs, int phase)
    {
        int start = 0;
        for (int slab = 0; slab < SlabCount; slab++)
        {
            bool isObstacle = obstacles.Contains(slab) && !own.Contains(slab);
            if (isObstacle || (slab == start && ((slab + phase) & (alignmentSlabs - 1)) != 0))
            {
                start = slab + 1;
            }
            else if (slab + 1 - start == count)
            {
                return start;
            }
        }

        return -1;
    }

    // Asks for the pages of a SuperSlab's part of a table at once, to spare its first spans the page faults. A refusal
    // costs only those.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Populate(byte* table, int bytesPerSlab, int slab)
    {
        byte* start = PageOf(table + ((long)slab * bytesPerSlab));
        byte* end = PageOf(table + ((slab + 1L) * bytesPerSlab) + Os.PageSize - 1);
        Os.TryPopulate(start, (nuint)(end - start));
    }

    // One batch at a time, since the page map may wrap between two. A call may repeat after a refusal, without harm.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryExtendTables(int slabs)
    {
        _lock.AssertHeld();
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
                (_live is null || _live.TryCommit(from, end)) &&
                (_tags is null || _tags.TryCommit(from, end));
            if (!isDone)
            {
                return false;
            }

            _tableSlabs = end;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryCommit(byte* table, int bytesPerSlab, int fromSlab, int endSlab)
    {
        byte* start = PageOf(table + ((long)fromSlab * bytesPerSlab));
        byte* end = PageOf(table + ((long)endSlab * bytesPerSlab) + Os.PageSize - 1);
        return Os.TryCommit(start, (nuint)(end - start));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* PageOf(byte* address) => (byte*)((nuint)address & ~(Os.PageSize - 1));

    // The existing table, or else the given one from now on; null if that cannot be made writable. A table that is not
    // used is released.
    private T? TryUse<T>(ref T? table, T? made)
        where T : BlockTable
    {
        T? used;
        using (_lock.Enter())
        {
            if (table is null && made is not null && (_tableSlabs == 0 || made.TryCommit(0, _tableSlabs)))
            {
                table = made;
            }

            used = table;
        }

        if (used != made)
        {
            made?.Release();
        }

        return used;
    }
}
