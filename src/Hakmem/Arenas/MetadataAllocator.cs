using System;
using System.Numerics;
using System.Threading;
using Hakmem.Os;

namespace Hakmem.Arenas;

// Memory for the allocator's own records (thread caches, magazines): power-of-two sizes cut from chunks asked of the system, kept on
// a free list per size once returned. Chunks are never given back: the records of a program's busiest moment stay, and a stale
// pointer to one never faults. Thread-safe.
internal sealed unsafe class MetadataAllocator(OsMemory os)
{
    private const int MinShift = 6;
    private const int MaxShift = 16;
    private const nuint ChunkBytes = 1 << 18;

    // The pages of a chunk are asked of the system so many bytes at a time: one call takes as long as two of the page faults that it spares.
    private const nuint PopulateBytes = 1 << MaxShift;

    private readonly UninterruptibleLock _lock = new();

    // The rest of this class is guarded by _lock. A free record's first word is the next free record of its size.
    private readonly nint[] _free = new nint[MaxShift + 1];
    private byte* _next;
    private nuint _left;

    // Of what is left, this much has its pages already.
    private nuint _populated;

    // Bytes asked of the system so far. Written under the lock; read without it for statistics.
    private long _reservedBytes;

    public long ReservedBytes => Interlocked.Read(ref _reservedBytes);

    // A record of at least the given size, aligned to 64 bytes (a cache line), all zero; null if the system refuses.
    public void* TryAllocate(int bytes)
    {
        int shift = ShiftOf(bytes);
        void* record;
        using (_lock.Enter())
        {
            record = (void*)_free[shift];
            if (record != null)
            {
                _free[shift] = *(nint*)record;
            }
            else
            {
                return TryCut((nuint)1 << shift);
            }
        }

        new Span<byte>(record, 1 << shift).Clear();
        return record;
    }

    // Returns a record with the size it was asked for with.
    public void Free(void* record, int bytes)
    {
        int shift = ShiftOf(bytes);
        using (_lock.Enter())
        {
            *(nint*)record = _free[shift];
            _free[shift] = (nint)record;
        }
    }

    // How many bytes a request for this many gets.
    public static int RoundUp(int bytes) => 1 << ShiftOf(bytes);

    private static int ShiftOf(int bytes)
    {
        int shift = Math.Max(MinShift, 32 - BitOperations.LeadingZeroCount((uint)bytes - 1));
        return shift <= MaxShift ? shift : throw new ArgumentOutOfRangeException(nameof(bytes), bytes, $"A record has {1 << MaxShift} bytes at most.");
    }

    // Memory that the system has just given is all zero.
    private void* TryCut(nuint bytes)
    {
        if (_left < bytes)
        {
            // What is left of the old chunk is forgotten: less than one record of the largest size.
            byte* chunk = os.TryReserve(ChunkBytes);
            if (chunk == null)
            {
                return null;
            }

            if (!os.TryCommit(chunk, ChunkBytes))
            {
                os.TryRelease(chunk, ChunkBytes);
                return null;
            }

            _next = chunk;
            _left = ChunkBytes;
            _populated = 0;
            _reservedBytes += (long)ChunkBytes;
        }

        if (_populated < bytes)
        {
            // A refusal costs page faults, nothing else.
            nuint more = (nuint)Math.Min(PopulateBytes, _left - _populated);
            os.TryPopulate(_next + _populated, more);
            _populated += more;
        }

        byte* record = _next;
        _next += bytes;
        _left -= bytes;
        _populated -= bytes;
        return record;
    }
}
