using System;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Profiling;
using Hakmem.Records;

namespace Hakmem.Tags;

// Changes of a tagged block's size. The ledger is told before and after (TagLedger.BeginResize), since the bytes of a
// live block may be in no figure meanwhile.
internal sealed unsafe partial class TaggedHeap
{
    // Resizes a block, which keeps its tag. Returns null if there is no room; the old block is then as it was, but may
    // have become larger.
    public void* TryReallocate(
        void* block, nuint byteCount, nuint alignment, out TagAccount? refusing, bool isCounted = true)
    {
        // The ledger stays while it has a live block, which this one is unless it is freed meanwhile.
        long before = (long)_blocks.SizeFor(block, "Realloc");
        TagLedger ledger = FindLedger(block, "Realloc");
        ledger.BeginResize();
        try
        {
            return TryReallocate(ledger, block, before, byteCount, alignment, out refusing, isCounted);
        }
        finally
        {
            ledger.EndResize();
        }
    }

    private void* TryReallocate(
        TagLedger ledger, void* block, long before, nuint byteCount, nuint alignment, out TagAccount? refusing,
        bool isCounted)
    {
        refusing = null;
        TakeNumber(ledger, block);
        long charged = 0;
        if (ledger.Account.IsLimited && (byteCount > (nuint)before || alignment > Geometry.MinAlignment))
        {
            // A block that grows may get more bytes than a new one. If a limit has no room for them, a new one may do.
            charged = alignment > Geometry.MinAlignment ? -1 : TryChargeGrowth(ledger, byteCount, before);
            if (charged < 0)
            {
                void* target = TryMove(
                    ledger, block, before, byteCount, alignment, out refusing, isCounted);
                ledger.Account.TellIfAbove();
                return target;
            }
        }

        void* moved;
        using SampleOwnership ownership = OwnershipOf(ledger);
        try
        {
            moved = _blocks.TryRealloc(block, byteCount, alignment, isCounted);
        }
        catch (HakmemCorruptionException finding) when (finding.Address == (nuint)block)
        {
            // The block was damaged, and is free.
            Settle(ledger, before + charged, 0);
            throw;
        }
        catch
        {
            // The block is as it was.
            *NumberOf(block) = ledger.Number;
            Settle(ledger, charged, 0);
            throw;
        }

        void* now = moved == null ? block : moved;
        *NumberOf(now) = ledger.Number;
        Settle(ledger, before + charged, (long)_blocks.SizeOfLive(now));
        NoteGrowth(ledger, charged);
        ledger.Account.TellIfAbove();
        return moved;
    }

    // Makes a block larger in place; false if that cannot be done. Several threads may do so with one block.
    public bool TryExpand(void* block, nuint byteCount)
    {
        if (byteCount <= _blocks.SizeFor(block, "TryExpand"))
        {
            // Throws if the block is free.
            FindLedger(block, "TryExpand");
            return true;
        }

        TagLedger ledger = FindLedger(block, "TryExpand");
        ledger.BeginResize();
        try
        {
            return TryExpand(ledger, block, byteCount);
        }
        finally
        {
            ledger.EndResize();
        }
    }

    private bool TryExpand(TagLedger ledger, void* block, nuint byteCount)
    {
        bool isLarger;
        long before = 0;
        long charged = 0;

        // What an exception leaves is the block as it was.
        long now = 0;
        try
        {
            // A listener, or a handler of what the heap does here, may make another tagged block larger. It runs after
            // the tag no longer owns what is allocated.
            using (DeferredCallouts.Begin())
            using (OwnershipOf(ledger))
            using (_expandLock.Enter())
            {
                now = before = (long)_blocks.SizeFor(block, "TryExpand");
                if (byteCount <= (nuint)before)
                {
                    return true;
                }

                if (ledger.Account.IsLimited && (charged = TryChargeGrowth(ledger, byteCount, before)) < 0)
                {
                    charged = 0;
                    return false;
                }

                isLarger = _blocks.TryExpand(block, byteCount);
                now = (long)_blocks.UsableSize(block);
            }
        }
        finally
        {
            // Under no lock, since it may make a shard, and managed memory may be out.
            Settle(ledger, before + charged, now);
        }

        NoteGrowth(ledger, charged);
        ledger.Account.TellIfAbove();
        return isLarger;
    }

    // Moves a block of so many bytes, whose number the caller took, to a new one, of which the size is known before.
    // Returns null, and changes nothing, if there is no room.
    private void* TryMove(
        TagLedger ledger, void* block, long bytes, nuint byteCount, nuint alignment, out TagAccount? refusing,
        bool isCounted)
    {
        void* target = null;
        try
        {
            target = TryAllocateInstead(
                ledger, byteCount, alignment, isZeroed: false, bytes, out refusing, isCounted);
        }
        finally
        {
            if (target == null)
            {
                *NumberOf(block) = ledger.Number;
            }
        }

        if (target == null)
        {
            return null;
        }

        nuint kept = nuint.Min((nuint)bytes, byteCount);
        Buffer.MemoryCopy(block, target, kept, kept);
        try
        {
            _blocks.Free(block);
        }
        catch (HakmemCorruptionException finding)
        {
            if (finding.Address == (nuint)block)
            {
                Free(target, 0);
                throw;
            }

            // The caller needs the address of the new block.
            _blocks.ReportLater(finding);
        }

        return target;
    }

    // As TakeLedger, for a ledger that the block was found to have: throws if it is another's by now.
    private void TakeNumber(TagLedger ledger, void* block)
    {
        ushort number = TagTable.Take(NumberOf(block));
        if (number != ledger.Number)
        {
            // Another thread frees or resizes the block, or has freed it and got it for another tag meanwhile.
            if (number != 0)
            {
                *NumberOf(block) = number;
            }

            throw Misuse.FreedMeanwhile(block, "Realloc");
        }
    }
}
