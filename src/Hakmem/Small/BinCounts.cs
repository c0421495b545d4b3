using System;
using System.Diagnostics;
using Hakmem.Records;

namespace Hakmem.Small;

// Counts the blocks of a bin, and converts between its two states: between slow paths the tops are up to date, within
// a slow path the magazines' counts are. Save and Load convert, inside the cache's gate.
internal static unsafe class BinCounts
{
    // Whether a block lies free in one of the bin's two magazines.
    public static bool Contains(ThreadCache* cache, int index, void* block)
    {
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        return IsIn(from->Primary, from->AllocTop, block) || IsHidden(from->Primary, block) ||
            IsIn(ThreadCache.BinOf(cache, index)->Secondary, SecondaryTop(cache, index), block);
    }

    // How many free blocks of a bin a cache holds. For another thread's cache the number may be out of date.
    public static int CountOf(ThreadCache* cache, int index)
    {
        if (index < ThreadCache.FirstIndexOf(cache))
        {
            return 0;
        }

        Bin* from = ThreadCache.AllocBinOf(cache, index);
        return Count(from->Primary, from->AllocTop) +
            Count(ThreadCache.BinOf(cache, index)->Secondary, SecondaryTop(cache, index));
    }

    // Whether a cache holds a free block of any class. For another thread's cache the answer may be out of date.
    public static bool HasBlocks(ThreadCache* cache)
    {
        int index = 0;
        while (index < Stripe.Bins && CountOf(cache, index) == 0)
        {
            index++;
        }

        return index < Stripe.Bins;
    }

    // How many blocks of a class the cache's thread can allocate without the slow path, if the reaper leaves them.
    public static int VisibleOf(ThreadCache* cache, int index)
    {
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        return from->Primary == null ? 0 : Count(from->Primary, from->AllocTop) - from->Primary->Hidden;
    }

    // The newest slot of the secondary magazine: a paired class frees into it, a stacked class keeps it in reserve.
    // Without a secondary magazine the result has no meaning.
    public static void** SecondaryTop(ThreadCache* cache, int index)
    {
        Magazine* secondary = ThreadCache.BinOf(cache, index)->Secondary;
        return !ThreadCache.IsStacked(cache, index) || secondary == null
            ? ThreadCache.FreeSideOf(cache, index)->FreeTop
            : Magazine.SlotsOf(secondary) + secondary->Count - 1;
    }

    // Brings the magazines' counts up to date with the tops, closes the holes that the reaper left, and moves hidden
    // blocks behind the visible ones. Load follows.
    public static void Save(ThreadCache* cache, int index)
    {
        CacheGate.AssertClosed(cache);
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        if (SampleCountdown.Find(cache, index) != null)
        {
            SampleCountdown.Sync(cache, Stripe.ClassOf(index));
        }

        SaveCount(from->Primary, from->AllocTop);
        SaveCount(ThreadCache.BinOf(cache, index)->Secondary, SecondaryTop(cache, index));
    }

    // Points the tops at the magazines, whose counts are up to date.
    public static void Load(ThreadCache* cache, int index)
    {
        CacheGate.AssertClosed(cache);
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        Magazine* secondary = ThreadCache.BinOf(cache, index)->Secondary;
        AssertSaved(from->Primary);
        AssertSaved(secondary);
        FreeSide* side = ThreadCache.FreeSideOf(cache, index);
        Magazine* primary = from->Primary;
        Magazine* target = ThreadCache.IsStacked(cache, index) ? primary : secondary;
        from->AllocTop = primary == null ? &cache->EmptySlot : Magazine.SlotsOf(primary) + primary->Count - 1;
        side->FreeTop = target == null ? &cache->EmptySlot : Magazine.SlotsOf(target) + target->Count - 1;
        side->FreeEnd = side->FreeTop;
        if (target != null)
        {
            int capacity = Math.Min(ThreadCache.StateAt(cache, index)->Capacity, target->Capacity);
            side->FreeEnd += Math.Max(0, capacity - target->Count);
        }

        SampleCountdown.Hide(cache, index);
    }

    // In the cache of the calling thread, whose magazines and tops do not change meanwhile. The reaper may clear slots,
    // with all that are older; null is no block's address.
    private static bool IsIn(Magazine* magazine, void** top, void* block)
    {
        if (magazine == null)
        {
            return false;
        }

        void** slot = Magazine.SlotsOf(magazine);
        Debug.Assert(top >= slot - 1 && top - slot < magazine->Capacity, "A bin's top is not in its magazine.");

        // Four at a time. Span.IndexOf for numbers of 64 bits would be compiled at a program's first free, and vectors
        // would load an assembly.
        for (; top - slot >= 3; slot += 4)
        {
            if (slot[0] == block || slot[1] == block || slot[2] == block || slot[3] == block)
            {
                return true;
            }
        }

        while (slot <= top && *slot != block)
        {
            slot++;
        }

        return slot <= top;
    }

    private static bool IsHidden(Magazine* magazine, void* block)
    {
        int hidden = magazine == null ? 0 : magazine->Hidden;
        void** slot = hidden == 0 ? null : Magazine.SlotsOf(magazine) + magazine->Count;
        while (hidden > 0 && *--slot != block)
        {
            hidden--;
        }

        return hidden > 0;
    }

    // The clamp bounds the result even if top and magazine are read while their owner exchanges them.
    private static int Count(Magazine* magazine, void** top)
    {
        if (magazine == null)
        {
            return 0;
        }

        long visible = top - Magazine.SlotsOf(magazine) + 1 - magazine->Holes;
        return (int)Math.Clamp(visible + magazine->Hidden, 0, magazine->Capacity);
    }

    private static void SaveCount(Magazine* magazine, void** top)
    {
        if (magazine == null)
        {
            return;
        }

        nint* slots = (nint*)Magazine.SlotsOf(magazine);
        int hidden = magazine->Hidden;
        int visible = Count(magazine, top) - hidden;
        if (magazine->Holes > 0)
        {
            new Span<nint>(slots + magazine->Holes, visible).CopyTo(new Span<nint>(slots, visible));
            magazine->Holes = 0;
        }

        if (hidden > 0)
        {
            new Span<nint>(slots + magazine->Count - hidden, hidden).CopyTo(new Span<nint>(slots + visible, hidden));
            magazine->Hidden = 0;
        }

        magazine->Count = visible + hidden;
    }

    [Conditional("DEBUG")]
    private static void AssertSaved(Magazine* magazine)
    {
        Debug.Assert(magazine == null || magazine->Holes == 0, "A magazine has holes after Save.");
        Debug.Assert(magazine == null || magazine->Hidden == 0, "A magazine has hidden blocks after Save.");
        Debug.Assert(magazine == null || (uint)magazine->Count <= magazine->Capacity, "A count exceeds its capacity.");
    }
}
