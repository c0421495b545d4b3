using System;
using System.Diagnostics;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Records;

namespace Hakmem.Guarded;

// Blocks in ranges of their own between guard pages: all above a kilobyte with full hardening, and the sampled ones of
// guarded sampling, as in GWP-ASan. An access to a guard page faults. An access to a freed block faults too while the
// block is in the quarantine, which discards the pages and keeps the addresses. FaultText reports both with the block's
// record. The bytes between a block and its guards are poisoned, and checked by the free.
//
// Rejected: a fixed pool of page-sized slots. It is simpler, but could not sample blocks above a page.
//
// Thread-safe. One lock, above the SuperSlab lock, guards states, lists and figures; records are found and freed under
// it. System calls happen outside it, on ranges that the calling thread alone uses. A range is freed before its record
// is unlinked, so a record that is found under the lock stays valid until the lock is left.
internal sealed unsafe class GuardedBlocks(Arena arena, GuardedRanges ranges, long quarantineBytes)
{
    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock.
    private GuardedBlock* _all;
    private GuardedBlock* _oldestFreed;
    private GuardedBlock* _newestFreed;
    private long _freedRangeBytes;
    private long _quarantinedBytes;
    private long _liveBytes;
    private long _liveBlocks;
    private int _guarded;

    // How many threads are within Free, with a block that is no longer live.
    private int _frees;

    // The address space of live blocks' ranges. Written under _lock, read without it as a hint.
    private long _liveRangeBytes;

    public long LiveRangeBytes => Volatile.Read(ref _liveRangeBytes);

    public long DecommittedBytes => ranges.DecommittedBytes;

    public GuardedFigures Figures
    {
        get
        {
            using (_lock.Enter())
            {
                return new GuardedFigures(_liveBlocks, _liveBytes, _quarantinedBytes);
            }
        }
    }

    // Whether no thread is within a free. Asked after Figures: a block that these no longer count is freed, or its free
    // is seen here.
    public bool IsIdle
    {
        get
        {
            using (_lock.Enter())
            {
                return _frees == 0;
            }
        }
    }

    // Whether the block at an address, in the range that begins with a unit, belongs to a caller.
    public bool IsLive(int unit, nuint address)
    {
        using (_lock.Enter())
        {
            GuardedBlock* block = ranges.RecordAt(unit);
            return block != null && block->Address == address && block->State is GuardedState.Live or GuardedState.Held;
        }
    }

    // Returns the error for a block that is free already, with its history if the record still exists. Under no lock.
    public HakmemCorruptionException DoubleFree(int unit, nuint address, string operation)
    {
        BlockHistory history = default;
        using (_lock.Enter())
        {
            GuardedBlock* block = ranges.RecordAt(unit);
            bool isThere = block != null && block->State != GuardedState.Unready && block->Address == address;
            history = isThere ? block->History : history;
        }

        return history.ToException(address, operation, "it was freed already");
    }

    // Finds the block, live or in the quarantine, whose range begins with a unit. Returns false if no range of this
    // heap does.
    public bool TryFind(int unit, out nuint address, out nuint bytes)
    {
        using (_lock.Enter())
        {
            GuardedBlock* block = ranges.RecordAt(unit);
            bool isThere = block != null && block->State != GuardedState.Unready;
            address = isThere ? block->Address : 0;
            bytes = isThere ? block->Bytes : 0;
            return isThere;
        }
    }

    // Holds a live block. Throws if it is free, or if another thread holds it.
    public void Hold(int unit, nuint address, string operation) =>
        _ = Change(unit, address, GuardedState.Live, GuardedState.Held, operation);

    // Ends the hold.
    public void Unhold(int unit, nuint address) =>
        _ = Change(unit, address, GuardedState.Held, GuardedState.Live, "Realloc");

    // Allocates a block in a range of its own. Returns null if memory is out.
    public void* TryAllocate(nuint byteCount, nuint alignment, bool isZeroed, int stack)
    {
        // Made by the first use, before a range is taken: managed memory may be out.
        _ = StackTable.Instance;
        GuardedBlock* block = byteCount > (nuint)arena.ReservedBytes || (ulong)alignment > Geometry.MaxArenaBytes
            ? null
            : (GuardedBlock*)arena.Metadata.TryAllocate(sizeof(GuardedBlock));
        if (block == null)
        {
            return null;
        }

        block->Bytes = byteCount;
        block->AllocationThread = Environment.CurrentManagedThreadId;
        block->AllocationStack = stack;
        GuardedLayout layout = new(byteCount, alignment, arena.Os.PageSize);
        if (!ranges.TryTake(block, layout, alignment, isZeroed))
        {
            arena.Metadata.Free(block, sizeof(GuardedBlock));
            return null;
        }

        nuint address = block->Address;
        GuardedBlock.DescribeAllocation(block);
        byte* end = (byte*)(block->Address + byteCount);
        Poison.Fill(block->Range + block->DataBegin, block->Address - (nuint)(block->Range + block->DataBegin));
        Poison.Fill(end, (nuint)(block->Range + block->DataEnd - end));
        if (Enter(block))
        {
            block->IsGuarded = ranges.TryGuard(block);
        }

        // From here on other threads find the block.
        using (_lock.Enter())
        {
            Debug.Assert(block->State == GuardedState.Unready, "A new block becomes live.");
            block->State = GuardedState.Live;
        }

        return (void*)address;
    }

    // Frees a block that the caller holds (isHeld) or that nobody holds. Throws if it is free already. Returns damage
    // of this or another block, or null; the block is free in either case.
    public HakmemCorruptionException? Free(int unit, nuint address, int stack, bool isHeld = false)
    {
        // Another thread may have freed the block since the caller found it, so its state is checked again.
        GuardedState from = isHeld ? GuardedState.Held : GuardedState.Live;
        GuardedBlock* block = Change(unit, address, from, GuardedState.Freed, "Free");
        Damage? damage;
        try
        {
            damage = FinishFree(block, stack);
        }
        finally
        {
            using (_lock.Enter())
            {
                _frees--;
            }
        }

        // Last, because managed memory may be out.
        return damage?.ToException();
    }

    // Never throws.
    private Damage? FinishFree(GuardedBlock* block, int stack)
    {
        Damage? damage = CheckSlack(block);
        block->FreeThread = Environment.CurrentManagedThreadId;
        block->FreeStack = stack;
        GuardedBlock.DescribeFree(block);
        block->IsSealed = block->IsGuarded && ranges.TrySeal(block);
        if (!block->IsSealed)
        {
            Poison.Fill(block->Range + block->DataBegin, block->DataEnd - block->DataBegin);
        }

        using (_lock.Enter())
        {
            Append(block);
        }

        Damage? other = Release(quarantineBytes);
        return damage ?? other;
    }

    // Frees the quarantine, except ranges that the system does not let be used again. Returns damage, or null.
    public HakmemCorruptionException? Flush() => Release(0)?.ToException();

    // Frees all records, because the heap is disposed.
    public void Clear()
    {
        using (_lock.Enter())
        {
            while (_all != null)
            {
                GuardedBlock* block = _all;
                _all = block->Next;
                arena.Metadata.Free(block, sizeof(GuardedBlock));
            }
        }
    }

    // Changes the state of the block at an address. Throws if it is in another state, or no block begins there.
    private GuardedBlock* Change(int unit, nuint address, GuardedState from, GuardedState to, string operation)
    {
        BlockHistory history;
        GuardedState found;
        using (_lock.Enter())
        {
            GuardedBlock* block = ranges.RecordAt(unit);
            bool isThere = block != null && block->State != GuardedState.Unready && block->Address == address;
            found = isThere ? block->State : GuardedState.Unready;
            history = isThere ? block->History : default;
            if (found == from)
            {
                block->State = to;
                if (to == GuardedState.Freed)
                {
                    _frees++;
                    _liveBlocks--;
                    _liveBytes -= (long)block->Bytes;
                    _liveRangeBytes -= (long)block->RangeBytes;
                    _quarantinedBytes += (long)block->Bytes;
                }

                return block;
            }
        }

        string finding = found == GuardedState.Held ? "another thread is resizing it" : "it was freed already";
        throw history.ToException(address, operation, finding);
    }

    // Adds a new block to list and figures. Returns whether it may have guard pages.
    private bool Enter(GuardedBlock* block)
    {
        using (_lock.Enter())
        {
            block->Next = _all;
            if (_all != null)
            {
                _all->Previous = block;
            }

            _all = block;
            _liveBlocks++;
            _liveBytes += (long)block->Bytes;
            _liveRangeBytes += (long)block->RangeBytes;
            return ++_guarded <= GuardedRanges.MaxGuarded;
        }
    }

    private static Damage? CheckSlack(GuardedBlock* block)
    {
        byte* begin = block->Range + block->DataBegin;
        byte* end = (byte*)(block->Address + block->Bytes);
        long inFront = Poison.FindDamage(begin, block->Address - (nuint)begin);
        if (inFront >= 0)
        {
            return DamageAt(block, begin + inFront, "Free");
        }

        long behind = Poison.FindDamage(end, (nuint)(block->Range + block->DataEnd - end));
        return behind < 0 ? null : DamageAt(block, end + behind, "Free");
    }

    private static Damage DamageAt(GuardedBlock* block, byte* place, string operation) =>
        new(block->History, operation, (nuint)place, *place);

    private void Append(GuardedBlock* block)
    {
        _lock.AssertHeld();
        block->NextFreed = null;
        if (_newestFreed != null)
        {
            _newestFreed->NextFreed = block;
        }
        else
        {
            _oldestFreed = block;
        }

        _newestFreed = block;
        _freedRangeBytes += (long)block->RangeBytes;
    }

    // Frees the oldest blocks until so many bytes are left. Returns damage, or null. Never throws: a block that was
    // taken is in no list.
    private Damage? Release(long maxBytes)
    {
        Damage? damage = null;
        while (TryTakeOldest(maxBytes, out GuardedBlock* block))
        {
            damage = CheckPoison(block) ?? damage;
            if (!ranges.TryFree(block))
            {
                using (_lock.Enter())
                {
                    Append(block);
                }

                break;
            }

            Unlink(block);
        }

        return damage;
    }

    private bool TryTakeOldest(long maxBytes, out GuardedBlock* block)
    {
        using (_lock.Enter())
        {
            block = _freedRangeBytes > maxBytes ? _oldestFreed : null;
            if (block == null)
            {
                return false;
            }

            _oldestFreed = block->NextFreed;
            _newestFreed = _oldestFreed == null ? null : _newestFreed;
            _freedRangeBytes -= (long)block->RangeBytes;
            return true;
        }
    }

    // Checks a freed block that could not be made inaccessible.
    private static Damage? CheckPoison(GuardedBlock* block)
    {
        byte* begin = block->Range + block->DataBegin;
        long offset = block->IsSealed ? -1 : Poison.FindDamage(begin, block->DataEnd - block->DataBegin);
        return offset < 0 ? null : DamageAt(block, begin + offset, "Check");
    }

    private void Unlink(GuardedBlock* block)
    {
        using (_lock.Enter())
        {
            if (block->Previous != null)
            {
                block->Previous->Next = block->Next;
            }
            else
            {
                _all = block->Next;
            }

            if (block->Next != null)
            {
                block->Next->Previous = block->Previous;
            }

            _guarded--;
            _quarantinedBytes -= (long)block->Bytes;
        }

        arena.Metadata.Free(block, sizeof(GuardedBlock));
    }

    // A byte within a block's range that is not the poison: out of the block's bounds, or in a freed block.
    private readonly record struct Damage(BlockHistory History, string Operation, nuint Place, byte Found)
    {
        public HakmemCorruptionException ToException() =>
            History.ToException(History.Address, Operation, $"{Finding()} 0x{Found:x2} instead of 0x{Poison.Value:x2}");

        private string Finding()
        {
            nuint end = History.Address + History.Bytes;
            return Operation == "Check"
                ? $"a write after free: byte {(long)(Place - History.Address)} of the free block of {History.Bytes} is"
                : Place < History.Address
                ? $"a write out of bounds, {History.Address - Place} bytes before the block's first byte: there is"
                : $"a write out of bounds, {Place - end + 1} bytes after the block's last byte: there is";
        }
    }
}

// A heap's guarded blocks in its statistics.
//   LiveBlocks, LiveBytes   those of callers, at the requested size
//   QuarantinedBytes        freed blocks whose addresses are kept
internal readonly record struct GuardedFigures(long LiveBlocks, long LiveBytes, long QuarantinedBytes);
