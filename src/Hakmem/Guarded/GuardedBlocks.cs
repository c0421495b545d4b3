using System;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Guarded;

// Blocks with a range of their own between guard pages: all above a kilobyte with full hardening, and the sampled ones of a heap with
// guarded sampling, as GWP-ASan has them. A touch beyond the guards is a fault, and so is one of a freed block while it is in the
// quarantine, where its pages are given up and its addresses kept. Both are reported with what the record knows; see FaultText.
//
// What lies between a block and its guards is poisoned, and checked when the block is freed.
//
// Rejected: a fixed pool of page-sized slots. It is simpler, but nothing above a page could be sampled, and buffers are.
//
// Thread-safe. One lock for states, lists and figures, above the SuperSlab lock, under which a record is found; system
// calls happen outside it, on ranges that are the calling thread's. A record is given up under it after its range: so
// one that is found under it stays for as long as it is held.
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

    // Addresses that live blocks' ranges take. Changed under _lock, read without it as a hint.
    private long _liveRangeBytes;

    public long LiveRangeBytes => Volatile.Read(ref _liveRangeBytes);

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

    // Whether the block, whose range begins at a unit and which the resolver found to begin at the address, is a
    // caller's.
    public bool IsLive(int unit, nuint address)
    {
        using (_lock.Enter())
        {
            GuardedBlock* block = ranges.RecordAt(unit);
            return block != null && block->Address == address && block->State is GuardedState.Live or GuardedState.Held;
        }
    }

    // The error for a block, given in the same way, that is free already: with its history as far as the record is
    // still there. Under no lock.
    public HakmemCorruptionException DoubleFree(int unit, nuint address, string operation)
    {
        BlockHistory history = default;
        using (_lock.Enter())
        {
            GuardedBlock* block = ranges.RecordAt(unit);
            history = block != null && block->State != GuardedState.Unready && block->Address == address ? block->History : history;
        }

        return history.ToException(address, operation, "it was freed already");
    }

    // The address and size of the block, live or in the quarantine, whose range begins with a unit. False if no range
    // of this heap does.
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

    // Takes hold of a block, given as to IsLive. Throws if no caller has it any more, or another thread has a hold of
    // it.
    public void Hold(int unit, nuint address, string operation)
    {
        if (!TryChange(unit, address, GuardedState.Live, GuardedState.Held, out _, out GuardedState found, out BlockHistory history))
        {
            throw Refusal(found, history, address, operation);
        }
    }

    // Ends a hold; the block is the program's again.
    public void Unhold(int unit, nuint address) =>
        TryChange(unit, address, GuardedState.Held, GuardedState.Live, out _, out _, out _);

    // Null if memory is out.
    public void* TryAllocate(nuint byteCount, nuint alignment, bool isZeroed, int stack)
    {
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

        // From here on it can be found, by what its record says.
        using (_lock.Enter())
        {
            block->State = GuardedState.Live;
        }

        return (void*)address;
    }

    // Frees a block, given as to IsLive, which the caller has a hold of or nobody has. Throws if it is free already.
    // What it gives instead of throwing is damage that it found, of this or another block; the free is done all the
    // same.
    public HakmemCorruptionException? Free(int unit, nuint address, int stack, bool isHeld = false)
    {
        // Asked again: another thread may have freed it since, and its record may be another block's by now.
        GuardedState from = isHeld ? GuardedState.Held : GuardedState.Live;
        if (!TryChange(unit, address, from, GuardedState.Freed, out GuardedBlock* block, out GuardedState found, out BlockHistory history))
        {
            throw Refusal(found, history, address, "Free");
        }

        HakmemCorruptionException? finding = CheckSlack(block);
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

        HakmemCorruptionException? other = Release(quarantineBytes);
        return finding ?? other;
    }

    // Gives the quarantine's ranges back, but for those that the system does not let be used again. Gives damage found on the way.
    public HakmemCorruptionException? Flush() => Release(0);

    // Forgets all blocks, whose memory is being given back as a whole.
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

    // Has a block that begins at an address go from one state to another. If it is not there or in another state, says
    // in which (Unready for none) and what is known of it.
    private bool TryChange(
        int unit, nuint address, GuardedState from, GuardedState to, out GuardedBlock* block, out GuardedState found, out BlockHistory history)
    {
        using (_lock.Enter())
        {
            block = ranges.RecordAt(unit);
            bool isThere = block != null && block->State != GuardedState.Unready && block->Address == address;
            found = isThere ? block->State : GuardedState.Unready;
            history = isThere ? block->History : default;
            if (found != from)
            {
                return false;
            }

            block->State = to;
            if (to == GuardedState.Freed)
            {
                _liveBlocks--;
                _liveBytes -= (long)block->Bytes;
                _liveRangeBytes -= (long)block->RangeBytes;
                _quarantinedBytes += (long)block->Bytes;
            }

            return true;
        }
    }

    private static HakmemCorruptionException Refusal(GuardedState found, BlockHistory history, nuint address, string operation) =>
        history.ToException(address, operation, found == GuardedState.Held ? "another thread is resizing it" : "it was freed already");

    // Adds a new block to the books. Whether it may have guard pages.
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

    private HakmemCorruptionException? CheckSlack(GuardedBlock* block)
    {
        byte* begin = block->Range + block->DataBegin;
        byte* end = (byte*)(block->Address + block->Bytes);
        nuint before = block->Address - (nuint)begin;
        long inFront = Poison.FindDamage(begin, before);
        if (inFront >= 0)
        {
            return Damage(block, begin + inFront, $"a write out of bounds, {(long)before - inFront} bytes before the block's first byte");
        }

        long behind = Poison.FindDamage(end, (nuint)(block->Range + block->DataEnd - end));
        return behind < 0 ? null : Damage(block, end + behind, $"a write out of bounds, {behind + 1} bytes after the block's last byte");
    }

    private static HakmemCorruptionException Damage(GuardedBlock* block, byte* place, string finding) =>
        block->History.ToException(block->Address, "Free", $"{finding}: there is 0x{*place:x2} instead of 0x{Poison.Value:x2}");

    private void Append(GuardedBlock* block)
    {
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

    private HakmemCorruptionException? Release(long maxBytes)
    {
        HakmemCorruptionException? finding = null;
        while (TryTakeOldest(maxBytes, out GuardedBlock* block))
        {
            finding = CheckPoison(block) ?? finding;
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

        return finding;
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

    // Of a freed block that could not be made inaccessible.
    private static HakmemCorruptionException? CheckPoison(GuardedBlock* block)
    {
        long offset = block->IsSealed ? -1 : Poison.FindDamage(block->Range + block->DataBegin, block->DataEnd - block->DataBegin);
        if (offset < 0)
        {
            return null;
        }

        byte* place = block->Range + block->DataBegin + offset;
        return block->History.ToException(
            block->Address, "Check", $"a write after free: byte {(long)((nuint)place - block->Address)} of the free block of {block->Bytes} is 0x{*place:x2} instead of 0x{Poison.Value:x2}");
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
}
