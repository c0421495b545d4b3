using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Os;
using Hakmem.Regions;

namespace Hakmem;

// The slow path of a region: its chunks, large blocks and limit.
//
// A region allocates from one chunk at a time (Range). When that has no room, the next one is a kept chunk that has, or
// a new one from the heap. A request above a quarter of the first chunk's size gets a block of its own, so that at most
// that much of a chunk is lost. Chunks grow, so that a large region has few and a small one is small.
//
// One lock, which a region shares with the regions within it, guards the fields below; the fast path alone changes
// _direct without it. No other lock is taken under it: blocks come from the heap and go back to it outside. So two
// threads of a shared region may both bring a chunk, and the second one is kept for later.
//
// A slow call of a region that is not shared is marked with its thread (_caller), to detect another thread's. The same
// thread may call again meanwhile: the heap may throw within a call, which runs handlers of the program first. That is
// no more than another thread of a shared region may do between two uses of the lock.
public sealed unsafe partial class MemoryRegion
{
    // The most that size and padding may be, so that sums of theirs do not overflow: no heap has as much.
    private static readonly nuint s_maxRequestBytes = nuint.MaxValue >> 1;

    // Records of freed blocks that are kept to be used again.
    private const int MaxSpareRecords = 64;

    private readonly HakmemAllocator _allocator;
    private readonly UninterruptibleLock _lock;
    private readonly bool _isShared;
    private readonly bool _isHardened;

    // The largest request that is served from a new chunk, padding included.
    private readonly nuint _maxSmallBytes;
    private readonly nuint _firstChunkBytes;
    private readonly nuint _maxChunkBytes;

    // Zero for no limit.
    private readonly long _maxBytes;

    // In place of _direct in a region whose fast path must not serve. Guarded by _lock, as all below but the last two.
    private BumpRange _indirect;

    // The chunk that Range is in; null if there is none. Then those that are used up, those that are kept, and the
    // blocks of large requests.
    private RegionChunk? _current;
    private RegionChunk? _closed;
    private RegionChunk? _kept;
    private RegionChunk? _large;
    private RegionChunk? _spare;
    private int _spareCount;

    // The used bytes of all but the current chunk.
    private nuint _closedUsedBytes;

    // With those of the regions within this one, and of blocks that a thread is bringing.
    private long _committedBytes;
    private nuint _nextChunkBytes;

    // Written under _lock by a thread that no other may be in a call beside. Read plainly: a use that is ordered after
    // Reset or Dispose sees it, and one that is not has no protection anyway. _epoch counts both.
    private bool _isDisposed;
    private long _epoch;

    // The managed number of the thread in a slow call of a region that is not shared, or 0. Changed by an interlocked
    // operation, and cleared by a release.
    private int _caller;

    internal long Epoch => _epoch;

    private bool IsDirect => !_isShared && !_isHardened;

    private ref BumpRange Range => ref IsDirect ? ref _direct : ref _indirect;

    private bool IsGone => _isDisposed || _allocator.IsDisposed;

    // Throws unless the region is as it was at an allocation of that epoch.
    internal void RequireEpoch(long epoch)
    {
        if (IsGone)
        {
            throw GoneError();
        }

        if (epoch != _epoch)
        {
            throw new ObjectDisposedException(
                nameof(MemoryRegion), "The MemoryRegion has been reset since this memory was allocated.");
        }
    }

    // Marks a call; false if another thread's is marked. isOuter says that this call is not within one of its thread,
    // and ExitCall is told.
    internal bool TryEnterCall(out bool isOuter)
    {
        int self = Environment.CurrentManagedThreadId;
        int caller = _isShared ? 0 : Interlocked.CompareExchange(ref _caller, self, 0);
        isOuter = caller == 0;
        return isOuter || caller == self;
    }

    internal void ExitCall(bool isOuter)
    {
        if (isOuter)
        {
            Volatile.Write(ref _caller, 0);
        }
    }

    private bool EnterCall()
    {
        ThrowIfInUse(!TryEnterCall(out bool isOuter));
        return isOuter;
    }

    private static void ThrowIfInUse(bool isInUse)
    {
        if (isInUse)
        {
            throw new InvalidOperationException(
                "Another thread is in a call of this MemoryRegion, which is not shared. Set " +
                $"{nameof(MemoryRegionOptions)}.{nameof(MemoryRegionOptions.IsShared)}, or create a region for each " +
                "thread.");
        }
    }

    private ObjectDisposedException GoneError() => Disposed.Error(nameof(MemoryRegion), isHeapGone: !_isDisposed);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocSlow(nuint byteCount, nuint alignment)
    {
        if (!BitOperations.IsPow2(alignment))
        {
            throw new ArgumentException($"The alignment must be a power of two, not {alignment}.", nameof(alignment));
        }

        void* block = TryAllocSlow(byteCount, alignment, out Exception? failure);
        return block != null ? block : throw failure!;
    }

    // Returns null if there is no room or the region has been disposed, and the exception for that.
    private void* TryAllocSlow(nuint byteCount, nuint alignment, out Exception? failure)
    {
        // An alignment that the fast path does not serve. Only this thread uses the range.
        failure = null;
        byteCount = nuint.Max(byteCount, 1);
        alignment = nuint.Max(alignment, Unit);
        void* block = _direct.TryTake(byteCount, alignment);
        if (block != null)
        {
            return block;
        }

        bool isOuter = EnterCall();
        try
        {
            block = IsGone ? null : TryAllocChecked(byteCount, alignment, out failure);
        }
        finally
        {
            ExitCall(isOuter);
        }

        failure = block != null ? null : failure ?? GoneError();
        return block;
    }

    private void* TryAllocChecked(nuint bytes, nuint alignment, out Exception? failure)
    {
        failure = null;
        void* block = TryAllocKept(bytes, alignment, mayOpen: IsSmall(bytes, alignment));
        if (block != null)
        {
            return block;
        }

        if (bytes > s_maxRequestBytes - Unit || alignment > s_maxRequestBytes - bytes)
        {
            failure = _allocator.OutOfMemory(bytes);
            return null;
        }

        if (IsSmall(bytes, alignment))
        {
            return TryAllocInNewChunk(bytes, alignment, out failure);
        }

        // Where there is no room for a block of its own, a chunk that Reset kept may have some.
        block = TryAllocLarge(bytes, alignment, out failure);
        block = block != null ? block : TryAllocKept(bytes, alignment, mayOpen: true);
        failure = block != null ? null : failure;
        return block;
    }

    private bool IsSmall(nuint bytes, nuint alignment) =>
        bytes <= _maxSmallBytes && alignment - Unit <= _maxSmallBytes - bytes;

    // Allocates from the current chunk or, if another may be opened, from a kept one. Returns null if none has room.
    private void* TryAllocKept(nuint bytes, nuint alignment, bool mayOpen)
    {
        using (_lock.Enter())
        {
            void* block = Range.TryTake(bytes, alignment);
            RegionChunk? before = null;
            RegionChunk? chunk = block == null && mayOpen ? _kept : null;
            for (; chunk is not null; before = chunk, chunk = chunk.Next)
            {
                BumpRange range = new(chunk.Start, chunk.Bytes);
                block = range.TryTake(bytes, alignment);
                if (block != null)
                {
                    Unlink(chunk, before);
                    Open(chunk, range);
                    break;
                }
            }

            return block;
        }
    }

    // Opens a chunk that has room for the request, and is of the usual size if limits allow. Returns null if there is
    // no room, and why.
    private void* TryAllocInNewChunk(nuint bytes, nuint alignment, out Exception? failure)
    {
        RegionChunk? chunk = TryBring(
            BumpRange.RoundUp(bytes + (alignment - Unit)), nuint.Min(_nextChunkBytes, _maxChunkBytes), Unit,
            out failure);
        if (chunk is null)
        {
            return null;
        }

        using (_lock.Enter())
        {
            if (!_isDisposed)
            {
                return TakeFromNew(chunk, bytes, alignment);
            }
        }

        ReleaseLate(chunk);
        return null;
    }

    private void* TakeFromNew(RegionChunk chunk, nuint bytes, nuint alignment)
    {
        _lock.AssertHeld();
        if (chunk.Bytes >= _nextChunkBytes)
        {
            _nextChunkBytes = nuint.Min(2 * _nextChunkBytes, _maxChunkBytes);
        }

        // Another thread may have opened a chunk meanwhile.
        void* block = Range.TryTake(bytes, alignment);
        if (block != null)
        {
            chunk.Next = _kept;
            _kept = chunk;
            return block;
        }

        Open(chunk, new BumpRange(chunk.Start, chunk.Bytes));
        return Range.TryTake(bytes, alignment);
    }

    // Returns a block that was brought while the region was disposed.
    private void ReleaseLate(RegionChunk chunk)
    {
        chunk.Next = null;
        NativeBlock.ThrowIfFound(Release(chunk));
    }

    private void* TryAllocLarge(nuint bytes, nuint alignment, out Exception? failure)
    {
        nuint rounded = BumpRange.RoundUp(bytes);
        RegionChunk? chunk = TryBring(rounded, rounded, alignment, out failure);
        if (chunk is null)
        {
            return null;
        }

        using (_lock.Enter())
        {
            if (!_isDisposed)
            {
                chunk.Next = _large;
                _large = chunk;
                _closedUsedBytes += rounded;
                return chunk.Start;
            }
        }

        ReleaseLate(chunk);
        return null;
    }

    // Brings a block of the heap: of the wanted size, or of the least one if there is no room for that. Returns null if
    // there is no room for that either, and why. The least size is a multiple of 16.
    private RegionChunk? TryBring(nuint least, nuint wanted, nuint alignment, out Exception? failure)
    {
        RegionChunk record = TakeRecord();
        nuint bytes = TryCharge(least, nuint.Max(least, wanted), out MemoryRegion? full, out long committed);
        if (bytes > 0)
        {
            record.Bytes = bytes;
            record.Start = TryAllocCharged(bytes, alignment);
            if (record.Start == null && bytes > least)
            {
                using (_lock.Enter())
                {
                    Charge(-(long)(bytes - least));
                }

                record.Bytes = least;
                record.Start = TryAllocCharged(least, alignment);
            }

            if (record.Start != null)
            {
                failure = null;
                return record;
            }
        }

        using (_lock.Enter())
        {
            Charge(bytes == 0 ? 0 : -(long)record.Bytes);
            Keep(record);
        }

        failure = bytes == 0 ? LimitError(least, full!, committed) : _allocator.OutOfMemory(least);
        return null;
    }

    // Allocates from the heap. If that throws, the charge is taken back.
    private byte* TryAllocCharged(nuint bytes, nuint alignment)
    {
        bool isDone = false;
        try
        {
            void* block = _isHardened
                ? _allocator.TryAllocGuarded(bytes, alignment)
                : _allocator.TryAllocAligned(bytes, alignment);
            isDone = true;
            return (byte*)block;
        }
        finally
        {
            if (!isDone)
            {
                using (_lock.Enter())
                {
                    Charge(-(long)bytes);
                }
            }
        }
    }

    // Charges this region and those around it as much of the wanted size as their limits allow, but at least the least
    // one. Returns the size; or zero if a limit does not allow that, with the region of the least room and what it had
    // committed.
    private nuint TryCharge(nuint least, nuint wanted, out MemoryRegion? full, out long committed)
    {
        full = null;
        committed = 0;
        using (_lock.Enter())
        {
            long room = long.MaxValue;
            for (MemoryRegion? region = this; region is not null; region = region._parent)
            {
                if (region._maxBytes > 0 && region._maxBytes - region._committedBytes < room)
                {
                    room = region._maxBytes - region._committedBytes;
                    full = region;
                }
            }

            long bytes = Math.Min((long)wanted, room & -(long)Unit);
            if (bytes < (long)least)
            {
                committed = full!._committedBytes;
                return 0;
            }

            Charge(bytes);
            return (nuint)bytes;
        }
    }

    private void Charge(long bytes)
    {
        _lock.AssertHeld();
        for (MemoryRegion? region = this; region is not null; region = region._parent)
        {
            region._committedBytes += bytes;
        }
    }

    private OutOfMemoryException LimitError(nuint bytes, MemoryRegion full, long committed)
    {
        string region = ReferenceEquals(full, this) ? "region" : "region around this one";
        return new OutOfMemoryException(
            $"The MemoryRegion could not allocate {bytes} bytes: {committed} of the {full._maxBytes} " +
            $"bytes that the {region} may have ({nameof(MemoryRegionOptions)}." +
            $"{nameof(MemoryRegionOptions.MaxBytes)}) are committed.");
    }

    private void Open(RegionChunk chunk, BumpRange range)
    {
        _lock.AssertHeld();
        CloseCurrent();
        _current = chunk;
        Range = range;
    }

    private void CloseCurrent()
    {
        _lock.AssertHeld();
        if (_current is { } chunk)
        {
            _closedUsedBytes += Range.UsedBytes;
            chunk.Next = _closed;
            _closed = chunk;
            _current = null;
            Range = default;
        }
    }

    // Removes a kept chunk.
    private void Unlink(RegionChunk chunk, RegionChunk? before)
    {
        _lock.AssertHeld();
        if (before is null)
        {
            _kept = chunk.Next;
        }
        else
        {
            before.Next = chunk.Next;
        }
    }

    // Keeps the chunks and releases large blocks; in a hardened heap, releases both. Returns what the heap found.
    private HakmemCorruptionException? ResetChunks()
    {
        RegionChunk? freed;
        using (_lock.Enter())
        {
            CloseCurrent();
            freed = TakeAll(ref _large, null);
            while (_closed is { } chunk)
            {
                _closed = chunk.Next;
                chunk.Next = _kept;
                _kept = chunk;
            }

            if (_isHardened)
            {
                freed = TakeAll(ref _kept, freed);
                _nextChunkBytes = _firstChunkBytes;
            }

            EndEpoch();
            if (_kept is { } first)
            {
                Unlink(first, before: null);
                Open(first, new BumpRange(first.Start, first.Bytes));
            }
        }

        return Release(freed);
    }

    // Releases everything, once; finding is what the heap found. Does nothing and returns false if there is a region
    // within this one.
    private bool TryDisposeChunks(out HakmemCorruptionException? finding)
    {
        RegionChunk? freed;
        finding = null;
        using (_lock.Enter())
        {
            if (_firstChild is not null)
            {
                return false;
            }

            CloseCurrent();
            freed = TakeAll(ref _large, TakeAll(ref _closed, TakeAll(ref _kept, null)));
            EndEpoch();
            UnlinkFromParent();
            _isDisposed = true;
        }

        try
        {
            _view?.MarkGone();
        }
        finally
        {
            finding = Release(freed);
        }

        if (_view is { } view)
        {
            _allocator.RemoveView(view);
        }

        return true;
    }

    private void EndEpoch()
    {
        _lock.AssertHeld();
        _closedUsedBytes = 0;
        _epoch++;
        _offered = null;
        _view?.OnReset();
    }

    // Empties a list and returns it, with another behind it.
    private static RegionChunk? TakeAll(ref RegionChunk? list, RegionChunk? behind)
    {
        while (list is { } chunk)
        {
            list = chunk.Next;
            chunk.Next = behind;
            behind = chunk;
        }

        return behind;
    }

    // Returns blocks to the heap, and then their charge: nobody else may commit it before the heap has it.
    private HakmemCorruptionException? Release(RegionChunk? chunk)
    {
        HakmemCorruptionException? finding = null;
        while (chunk is not null)
        {
            RegionChunk? next = chunk.Next;
            try
            {
                finding = NativeBlock.TryRelease(_allocator, chunk.Start) ?? finding;
            }
            catch (OutOfMemoryException)
            {
                // Managed memory for the text of a finding is out. The block is free in any case.
            }

            using (_lock.Enter())
            {
                Charge(-(long)chunk.Bytes);
                Keep(chunk);
            }

            chunk = next;
        }

        return finding;
    }

    private RegionChunk TakeRecord()
    {
        using (_lock.Enter())
        {
            if (_spare is { } record)
            {
                _spare = record.Next;
                _spareCount--;
                return record;
            }
        }

        return new RegionChunk();
    }

    private void Keep(RegionChunk record)
    {
        _lock.AssertHeld();
        record.Start = null;
        if (!_isDisposed && _spareCount < MaxSpareRecords)
        {
            record.Next = _spare;
            _spare = record;
            _spareCount++;
        }
    }
}
