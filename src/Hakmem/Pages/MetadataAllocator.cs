using System;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Pages;

// Memory for the allocator's own records (thread caches, magazines): a buddy system (Knowlton, "A Fast Storage
// Allocator", 1965) with power-of-two sizes, over chunks of regions that are reserved one by one.
//
//   chunk, 256 KiB   +--------+------+----+--------+----------------------------------+
//                    | header | used | .. | free   | never used                       |
//                    +--------+------+----+--------+----------------------------------+
//                                                  ^ CarvedBytes
//
// New records come from the current chunk in order of address. A freed record is merged with its buddy, if that is free
// as a whole, and so on. After a program's peak the records so become large blocks again, whose pages Trim discards.
//
// Memory is reset, never decommitted: statistics may read a magazine that was freed meanwhile (they clamp what they
// read), and must not fault.
//
// Invariants:
//
//   1. A bit of a header's map is set exactly for the blocks in the lists.
//   2. Two free buddies of one size are one block of the next size, up to the largest record.
//   3. Memory from CarvedBytes on is zero.
//
// Thread-safe, by one lock, the innermost of all. Trim makes its system calls under it, for one chunk at a time.
internal sealed unsafe class MetadataAllocator
{
    // The largest record.
    public const int MaxRecordBytes = 1 << MaxShift;

    // The smallest record.
    public const int MinRecordBytes = 1 << MinShift;

    private const int MinShift = MetadataChunk.MinBlockShift;
    private const int MaxShift = 16;
    private const int ChunkShift = MetadataChunk.Shift;
    private const int ChunkBytes = 1 << ChunkShift;

    // The chunks of a region: one bit of a word each; half as many, and so on, if the system refuses the addresses.
    private const int MaxRegionChunks = 8 * sizeof(ulong);
    private const int MinRegionChunks = 1;

    // 8 GiB: the records of some hundred thousand threads.
    private const int MaxRegions = (int)((8L << 30) / (MaxRegionChunks * ChunkBytes));

    // Bytes of a chunk that are populated at a time: one call takes as long as two of the page faults that it spares.
    private const int PopulateShift = MaxShift;

    private readonly OsMemory _os;
    private readonly UninterruptibleLock _lock = new();

    // _lock guards all fields below. The lists of free blocks, by the logarithm of their size.
    private readonly nint[] _free = new nint[MaxShift + 1];

    // Where each region begins. Each has MaxRegionChunks chunk numbers, of which a smaller region leaves some unused.
    private readonly nint[] _regions = new nint[MaxRegions];
    private int _regionCount;

    // Chunks below _nextChunk have been used; those from there to _endChunk can be.
    private int _nextChunk;
    private int _endChunk;

    // By region: a bit for each chunk in use, and for each chunk that became empty and was discarded as a whole.
    private readonly ulong[] _usedChunks = new ulong[MaxRegions];
    private readonly ulong[] _emptyChunks = new ulong[MaxRegions];
    private int _usedCount;
    private int _emptyCount;

    // The chunk that new records come from, or null, and how much of it is populated.
    private MetadataChunk* _current;
    private int _populatedBytes;

    // Whether a record was freed since the last Trim.
    private bool _wasFreed;

    // Bytes of free blocks, in chunks in use, that Trim has discarded.
    private long _discardedBytes;

    // Written under _lock; statistics read it without.
    private long _heldBytes;

    public MetadataAllocator(OsMemory os) => _os = os;

    // Bytes of the records and of the free memory between them that was not discarded.
    public long HeldBytes => Volatile.Read(ref _heldBytes);

    // The addresses of the chunks of each region that were used so far.
    public AddressRange[] ReadRanges()
    {
        AddressRange[] ranges = new AddressRange[MaxRegions];
        int count;
        using (_lock.Enter())
        {
            for (count = 0; count < _regionCount; count++)
            {
                ulong chunks = _usedChunks[count] | _emptyChunks[count];
                nuint bytes = chunks == 0 ? 0 : ((nuint)BitOperations.Log2(chunks) + 1) << ChunkShift;
                nuint start = (nuint)_regions[count];
                ranges[count] = new AddressRange(start, start + bytes, ResidentKind.HakmemRecords);
            }
        }

        Array.Resize(ref ranges, count);
        return ranges;
    }

    // Allocates a zeroed record, aligned to its size rounded up to a power of two; null if the system refuses.
    public void* TryAllocate(int bytes)
    {
        int shift = ShiftOf(bytes);
        bool isZero;
        void* record;
        using (_lock.Enter())
        {
            record = TryAllocateFree(shift);
            isZero = record == null;
            record = isZero ? TryCarve(shift) : record;
        }

        if (!isZero)
        {
            new Span<byte>(record, 1 << shift).Clear();
        }

        return record;
    }

    // Frees a record, whose size is the one it was allocated with.
    public void Free(void* record, int bytes)
    {
        int shift = ShiftOf(bytes);
        using (_lock.Enter())
        {
            _wasFreed = true;
            MetadataChunk* chunk = ChunkOf(record);
            int offset = (int)((byte*)record - (byte*)chunk);
            Debug.Assert(chunk->UsedBytes >= 1 << shift, "More bytes of a chunk are freed than are in use.");
            Debug.Assert((offset & ((1 << shift) - 1)) == 0, "The size is not that of the allocation.");
            Debug.Assert(offset >= HeaderBytes && offset + (1 << shift) <= chunk->CarvedBytes, "This is no record.");
            chunk->UsedBytes -= 1 << shift;
            AddMerged(chunk, offset, shift);
        }
    }

    // Discards the pages of free blocks, if a record was freed since the last time.
    public void Trim()
    {
        int count;
        using (_lock.Enter())
        {
            count = _wasFreed ? _nextChunk : 0;
            _wasFreed = false;
        }

        for (int index = 0; index < count; index++)
        {
            using (_lock.Enter())
            {
                if ((_usedChunks[index / MaxRegionChunks] & (1UL << index)) != 0)
                {
                    TrimChunk(index);
                }
            }
        }
    }

    // The bytes that a request for this many receives.
    public static int RoundUp(int bytes) => 1 << ShiftOf(bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int ShiftOf(int bytes)
    {
        int shift = Math.Max(MinShift, 32 - BitOperations.LeadingZeroCount((uint)bytes - 1));
        return shift <= MaxShift ? shift : throw new ArgumentOutOfRangeException(
            nameof(bytes), bytes, $"A record has at most {MaxRecordBytes} bytes.");
    }

    private static int HeaderBytes => (sizeof(MetadataChunk) + (1 << MinShift) - 1) & -(1 << MinShift);

    private static MetadataChunk* ChunkOf(void* record) => (MetadataChunk*)((nuint)record & ~(nuint)(ChunkBytes - 1));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private MetadataChunk* ChunkAt(int index) =>
        (MetadataChunk*)(_regions[index / MaxRegionChunks] + ((nint)(index % MaxRegionChunks) << ChunkShift));

    // The smallest free block that suffices, divided to size; null if there is none.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void* TryAllocateFree(int shift)
    {
        _lock.AssertHeld();
        int found = shift;
        while (found <= MaxShift && _free[found] == 0)
        {
            found++;
        }

        if (found > MaxShift)
        {
            return null;
        }

        byte* block = (byte*)_free[found];
        MetadataChunk* chunk = ChunkOf(block);
        int offset = (int)(block - (byte*)chunk);
        Remove(chunk, offset, found);
        while (found > shift)
        {
            found--;
            Add(chunk, offset + (1 << found), found);
        }

        chunk->UsedBytes += 1 << shift;
        return block;
    }

    // A record of memory that was never used; null if memory is exhausted.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void* TryCarve(int shift)
    {
        _lock.AssertHeld();
        int bytes = 1 << shift;
        if (_current == null || AlignUp(_current->CarvedBytes, bytes) + bytes > ChunkBytes)
        {
            MetadataChunk* next = TryTakeChunk();
            if (next == null)
            {
                return null;
            }

            if (_current != null)
            {
                AddRange(_current, _current->CarvedBytes, ChunkBytes);
                _current->CarvedBytes = ChunkBytes;
            }

            _current = next;
            _populatedBytes = 0;
            Populate(0);
            next->CarvedBytes = HeaderBytes;
        }

        int offset = AlignUp(_current->CarvedBytes, bytes);
        Populate(offset);
        AddRange(_current, _current->CarvedBytes, offset);
        _current->CarvedBytes = offset + bytes;
        _current->UsedBytes += bytes;
        return (byte*)_current + offset;
    }

    // A record, aligned to its size, lies within one populated piece. A refusal costs only page faults.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Populate(int offset)
    {
        if (offset >= _populatedBytes)
        {
            int start = offset & -(1 << PopulateShift);
            _os.TryPopulate((byte*)_current + start, 1 << PopulateShift);
            _populatedBytes = start + (1 << PopulateShift);
        }
    }

    // An empty chunk, or a new one, all zero; null if memory is exhausted.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private MetadataChunk* TryTakeChunk()
    {
        _lock.AssertHeld();
        int index;
        if (_emptyCount > 0)
        {
            int region = 0;
            while (_emptyChunks[region] == 0)
            {
                region++;
            }

            index = (region * MaxRegionChunks) + BitOperations.TrailingZeroCount(_emptyChunks[region]);
            _emptyChunks[region] &= _emptyChunks[region] - 1;
            _emptyCount--;
            if (!_os.Has(OsFeatures.ResetZeroes))
            {
                new Span<byte>(ChunkAt(index), ChunkBytes).Clear();
            }
        }
        else if ((_nextChunk < _endChunk || TryAddRegion()) && _os.TryCommit((byte*)ChunkAt(_nextChunk), ChunkBytes))
        {
            index = _nextChunk++;
        }
        else
        {
            return null;
        }

        _usedChunks[index / MaxRegionChunks] |= 1UL << index;
        _usedCount++;
        CountHeld();
        return ChunkAt(index);
    }

    // Reserves a region, as large as the system permits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryAddRegion()
    {
        for (int chunks = MaxRegionChunks; _regionCount < MaxRegions && chunks >= MinRegionChunks; chunks >>= 1)
        {
            // One chunk more, since the system aligns to pages only.
            byte* start = _os.TryReserve(((nuint)chunks + 1) << ChunkShift);
            if (start != null)
            {
                _regions[_regionCount] = (nint)(((nuint)start + ChunkBytes - 1) & ~(nuint)(ChunkBytes - 1));
                _nextChunk = _regionCount * MaxRegionChunks;
                _endChunk = _nextChunk + chunks;
                _regionCount++;
                return true;
            }
        }

        return false;
    }

    // Adds a free block to a list, merged with its buddy as long as the buddy is free as a whole.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddMerged(MetadataChunk* chunk, int offset, int shift)
    {
        while (shift < MaxShift && chunk->IsFree(offset ^ (1 << shift), shift))
        {
            Remove(chunk, offset ^ (1 << shift), shift);
            offset &= ~(1 << shift);
            shift++;
        }

        Add(chunk, offset, shift);
    }

    // Adds the memory between two offsets to the lists, as the largest blocks that fit.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddRange(MetadataChunk* chunk, int start, int end)
    {
        while (start < end)
        {
            int fitting = BitOperations.Log2((uint)(end - start));
            int shift = Math.Min(Math.Min(BitOperations.TrailingZeroCount(start), fitting), MaxShift);
            AddMerged(chunk, start, shift);
            start += 1 << shift;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add(MetadataChunk* chunk, int offset, int shift)
    {
        _lock.AssertHeld();
        Debug.Assert(!chunk->IsFree(offset, shift), "A block is freed that is free.");
        MetadataFreeBlock* block = (MetadataFreeBlock*)((byte*)chunk + offset);
        block->Next = (MetadataFreeBlock*)_free[shift];
        block->Previous = null;
        block->DiscardedBytes = 0;
        if (block->Next != null)
        {
            block->Next->Previous = block;
        }

        _free[shift] = (nint)block;
        chunk->Mark(offset, shift, isFree: true);
    }

    private void Remove(MetadataChunk* chunk, int offset, int shift)
    {
        _lock.AssertHeld();
        Debug.Assert(chunk->IsFree(offset, shift), "A block is not in its list.");
        MetadataFreeBlock* block = (MetadataFreeBlock*)((byte*)chunk + offset);
        if (block->Previous != null)
        {
            block->Previous->Next = block->Next;
        }
        else
        {
            _free[shift] = (nint)block->Next;
        }

        if (block->Next != null)
        {
            block->Next->Previous = block->Previous;
        }

        if (block->DiscardedBytes > 0)
        {
            _discardedBytes -= block->DiscardedBytes;
            CountHeld();
        }

        chunk->Mark(offset, shift, isFree: false);
    }

    private void TrimChunk(int index)
    {
        _lock.AssertHeld();
        MetadataChunk* chunk = ChunkAt(index);
        if (chunk->UsedBytes == 0 && chunk != _current)
        {
            DiscardChunk(index, chunk);
            return;
        }

        // The first word is for blocks of 8 KiB and more: smaller ones have no page besides that of their links.
        for (ulong bits = chunk->Map[0]; bits != 0; bits &= bits - 1)
        {
            MetadataChunk.BlockOf(BitOperations.TrailingZeroCount(bits), out int offset, out int shift);
            DiscardBlock((MetadataFreeBlock*)((byte*)chunk + offset), shift);
        }
    }

    // Takes a chunk without records out of the lists and discards it. If the system refuses, it stays in use.
    private void DiscardChunk(int index, MetadataChunk* chunk)
    {
        for (int word = 0; word < MetadataChunk.MapWords; word++)
        {
            for (ulong bits = chunk->Map[word]; bits != 0; bits &= bits - 1)
            {
                int bit = (word << 6) + BitOperations.TrailingZeroCount(bits);
                MetadataChunk.BlockOf(bit, out int offset, out int shift);
                Remove(chunk, offset, shift);
            }
        }

        if (_os.TryReset((byte*)chunk, ChunkBytes))
        {
            _usedChunks[index / MaxRegionChunks] &= ~(1UL << index);
            _usedCount--;
            _emptyChunks[index / MaxRegionChunks] |= 1UL << index;
            _emptyCount++;
            CountHeld();
        }
        else
        {
            AddRange(chunk, HeaderBytes, ChunkBytes);
        }
    }

    // Discards all pages but the first, which contains the links.
    private void DiscardBlock(MetadataFreeBlock* block, int shift)
    {
        nuint page = _os.PageSize;
        nuint bytes = (nuint)1 << shift;
        if (block->DiscardedBytes == 0 && bytes > page && _os.TryReset((byte*)block + page, bytes - page))
        {
            block->DiscardedBytes = (int)(bytes - page);
            _discardedBytes += block->DiscardedBytes;
            CountHeld();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CountHeld() =>
        Volatile.Write(ref _heldBytes, ((long)_usedCount << ChunkShift) - _discardedBytes);

    private static int AlignUp(int offset, int bytes) => (offset + bytes - 1) & -bytes;
}
