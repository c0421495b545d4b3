using System;
using System.Numerics;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Pages;

// Memory for the allocator's own records (thread caches, magazines): power-of-two sizes from a buddy system (Knowlton,
// "A Fast Storage Allocator", 1965) over chunks of regions that are reserved one by one.
//
//   chunk, 256 KiB   +--------+------+----+--------+----------------------------------+
//                    | header | used | .. | free   | never cut yet                    |
//                    +--------+------+----+--------+----------------------------------+
//                                                  ^ CarvedBytes
//
// New records are cut from the chunk in use in order of address. A freed one joins its buddy, if that is free as a
// whole, and so on; the result is in the list of its size. So what a program's busiest moment needed becomes large
// pieces again, whose pages Trim gives back.
//
// Memory is discarded, never decommitted: a reader of another thread's cache may hold a pointer to a magazine that was
// freed meanwhile (statistics do; they clamp what they read), and such a pointer must not fault.
//
// Invariants: (1) a bit of a header's map is set exactly for the blocks in the lists; (2) two free buddies of one size
// are one block of the next size, up to the largest record; (3) memory from CarvedBytes on is zero.
//
// Thread-safe, by one lock, innermost of all. Trim's system calls are made under it, those of one chunk at a time.
internal sealed unsafe class MetadataAllocator
{
    private const int MinShift = MetadataChunk.MinBlockShift;
    private const int MaxShift = 16;

    // The size of the largest record.
    public const int MaxRecordBytes = 1 << MaxShift;

    private const int ChunkShift = MetadataChunk.Shift;
    private const int ChunkBytes = 1 << ChunkShift;

    // A region: a word of bits for its chunks. Where the system refuses so many addresses it is half of that, and so
    // on.
    private const int MaxRegionChunks = 64;
    private const int MinRegionChunks = 1;

    // 8 GiB, the records of some hundred thousand threads.
    private const int MaxRegions = 512;

    // The pages of a chunk are asked of the system so many bytes at a time: one call takes as long as two of the page faults that it spares.
    private const int PopulateShift = MaxShift;

    private readonly OsMemory _os;
    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock.
    private readonly nint[] _free = new nint[MaxShift + 1];

    // Where each region begins. Chunks are numbered through all of them, MaxRegionChunks to a region; those of a
    // smaller region that do not exist are never counted.
    private readonly nint[] _regions = new nint[MaxRegions];
    private int _regionCount;

    // Chunks below this number were handed out, and the next ones up to the other can be.
    private int _nextChunk;
    private int _endChunk;

    // By region, a bit for each chunk in use, and for each that was in use, has no record in it any more and was
    // discarded as a whole.
    private readonly ulong[] _usedChunks = new ulong[MaxRegions];
    private readonly ulong[] _emptyChunks = new ulong[MaxRegions];
    private int _usedCount;
    private int _emptyCount;

    // The chunk that new records are cut from, or null, and how much of it has its pages.
    private MetadataChunk* _current;
    private int _populatedBytes;
    private bool _wasFreed;

    // Of free blocks in chunks with records: what Trim has discarded.
    private long _discardedBytes;

    // Written under the lock; read without it for statistics.
    private long _heldBytes;

    public MetadataAllocator(OsMemory os) => _os = os;

    // Bytes that the records take, with the free memory between them that was not given back.
    public long HeldBytes => Volatile.Read(ref _heldBytes);

    // A record of at least the given size, aligned to that size rounded up, all zero; null if the system refuses.
    public void* TryAllocate(int bytes)
    {
        int shift = ShiftOf(bytes);
        bool isZero;
        void* record;
        using (_lock.Enter())
        {
            record = TryTakeFree(shift);
            isZero = record == null;
            record = isZero ? TryCarve(shift) : record;
        }

        if (!isZero)
        {
            new Span<byte>(record, 1 << shift).Clear();
        }

        return record;
    }

    // Returns a record with the size it was asked for with.
    public void Free(void* record, int bytes)
    {
        int shift = ShiftOf(bytes);
        using (_lock.Enter())
        {
            _wasFreed = true;
            MetadataChunk* chunk = ChunkOf(record);
            chunk->UsedBytes -= 1 << shift;
            Join(chunk, (int)((byte*)record - (byte*)chunk), shift);
        }
    }

    // Gives the pages of free memory back to the system, if any became free since the last time.
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

    // How many bytes a request for this many gets.
    public static int RoundUp(int bytes) => 1 << ShiftOf(bytes);

    private static int ShiftOf(int bytes)
    {
        int shift = Math.Max(MinShift, 32 - BitOperations.LeadingZeroCount((uint)bytes - 1));
        return shift <= MaxShift ? shift : throw new ArgumentOutOfRangeException(nameof(bytes), bytes, $"A record has {MaxRecordBytes} bytes at most.");
    }

    private static int HeaderBytes => (sizeof(MetadataChunk) + (1 << MinShift) - 1) & -(1 << MinShift);

    private static MetadataChunk* ChunkOf(void* record) => (MetadataChunk*)((nuint)record & ~(nuint)(ChunkBytes - 1));

    private MetadataChunk* ChunkAt(int index) =>
        (MetadataChunk*)(_regions[index / MaxRegionChunks] + ((nint)(index % MaxRegionChunks) << ChunkShift));

    // The smallest free block that will do, cut to size; null if there is none.
    private void* TryTakeFree(int shift)
    {
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

    // A record from memory that was never used; null if memory is out.
    private void* TryCarve(int shift)
    {
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

    // A record lies in one of the pieces that are populated, as it is no larger and aligned to its size. A refusal
    // costs page faults, nothing else.
    private void Populate(int offset)
    {
        if (offset >= _populatedBytes)
        {
            int start = offset & -(1 << PopulateShift);
            _os.TryPopulate((byte*)_current + start, 1 << PopulateShift);
            _populatedBytes = start + (1 << PopulateShift);
        }
    }

    // An empty chunk, or a new one: all zero.
    private MetadataChunk* TryTakeChunk()
    {
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

    // Reserves a region, as large as the system lets it be.
    private bool TryAddRegion()
    {
        for (int chunks = MaxRegionChunks; _regionCount < MaxRegions && chunks >= MinRegionChunks; chunks >>= 1)
        {
            // One chunk more, as the system aligns to pages only.
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

    // Enters a free block, joined with its buddy as long as that is free as a whole.
    private void Join(MetadataChunk* chunk, int offset, int shift)
    {
        while (shift < MaxShift && chunk->IsFree(offset ^ (1 << shift), shift))
        {
            Remove(chunk, offset ^ (1 << shift), shift);
            offset &= ~(1 << shift);
            shift++;
        }

        Add(chunk, offset, shift);
    }

    // Enters memory between two offsets as the largest blocks that it has.
    private void AddRange(MetadataChunk* chunk, int start, int end)
    {
        while (start < end)
        {
            int shift = Math.Min(Math.Min(BitOperations.TrailingZeroCount(start), BitOperations.Log2((uint)(end - start))), MaxShift);
            Join(chunk, start, shift);
            start += 1 << shift;
        }
    }

    private void Add(MetadataChunk* chunk, int offset, int shift)
    {
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
        MetadataChunk* chunk = ChunkAt(index);
        if (chunk->UsedBytes == 0 && chunk != _current)
        {
            Empty(index, chunk);
            return;
        }

        // The first word has the blocks of 8 KiB and more: smaller ones have no page to spare.
        for (ulong bits = chunk->Map[0]; bits != 0; bits &= bits - 1)
        {
            MetadataChunk.BlockOf(BitOperations.TrailingZeroCount(bits), out int offset, out int shift);
            Discard((MetadataFreeBlock*)((byte*)chunk + offset), shift);
        }
    }

    // Takes a chunk without records out of the lists and gives all its pages back. Where the system refuses it stays as
    // it is.
    private void Empty(int index, MetadataChunk* chunk)
    {
        for (int word = 0; word < MetadataChunk.MapWords; word++)
        {
            for (ulong bits = chunk->Map[word]; bits != 0; bits &= bits - 1)
            {
                MetadataChunk.BlockOf((word << 6) + BitOperations.TrailingZeroCount(bits), out int offset, out int shift);
                Remove(chunk, offset, shift);
            }
        }

        if (_os.TryDiscard((byte*)chunk, ChunkBytes))
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

    // All pages but the first, which has the links.
    private void Discard(MetadataFreeBlock* block, int shift)
    {
        nuint page = _os.PageSize;
        nuint bytes = (nuint)1 << shift;
        if (block->DiscardedBytes == 0 && bytes > page && _os.TryDiscard((byte*)block + page, bytes - page))
        {
            block->DiscardedBytes = (int)(bytes - page);
            _discardedBytes += block->DiscardedBytes;
            CountHeld();
        }
    }

    private void CountHeld() =>
        Volatile.Write(ref _heldBytes, ((long)_usedCount << ChunkShift) - _discardedBytes);

    private static int AlignUp(int offset, int bytes) => (offset + bytes - 1) & -bytes;
}
