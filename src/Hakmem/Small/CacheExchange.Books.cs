using System;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// What a bin holds, and how its tops and its magazines' counts are kept in step: between slow paths the tops are right, inside one the
// counts are.
internal sealed unsafe partial class CacheExchange
{
    // Whether a block lies free in one of the bin's two magazines.
    public static bool Contains(ThreadCache* cache, int index, void* block)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        return IsIn(bin->Primary, bin->AllocTop, block) || IsIn(bin->Secondary, SecondaryTop(cache, index), block);
    }

    // How many free blocks of a class a cache holds. Another thread's cache may be read too: the number is then a recent one.
    public static int CountOf(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        return Count(bin->Primary, bin->AllocTop) + Count(bin->Secondary, SecondaryTop(cache, index));
    }

    // How many blocks of a class a cache's own thread can take before the slow path is entered. Outside the gate: fewer if the reaper is in it.
    public static int VisibleOf(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        return Count(bin->Primary, bin->AllocTop);
    }

    // Frees the magazines of a cache whose blocks' memory has been given back as a whole.
    public static void DestroyMagazines(MetadataAllocator metadata, ThreadCache* cache)
    {
        for (int index = 0; index < SizeClass.Count; index++)
        {
            Bin* bin = ThreadCache.BinAt(cache, (uint)index);
            if (bin->Primary != null)
            {
                Magazines.Destroy(metadata, bin->Primary);
            }

            if (bin->Secondary != null)
            {
                Magazines.Destroy(metadata, bin->Secondary);
            }
        }
    }

    private static bool IsIn(Magazine* magazine, void** top, void* block)
    {
        if (magazine == null)
        {
            return false;
        }

        // From the newest down to a null: the one in front of the slots, or one that the reaper left or is writing now.
        void** slot = top;
        void* found = *slot;
        while (found != null && found != block)
        {
            found = *--slot;
        }

        return found == block;
    }

    // Bounded even where top and magazine are read while their owner exchanges them.
    private static int Count(Magazine* magazine, void** top) => magazine == null
        ? 0
        : (int)Math.Clamp(top - Magazine.SlotsOf(magazine) + 1 - magazine->Holes, 0, magazine->Capacity);

    // If the magazines of a paired class are about to change places: takes the second copies of blocks that were freed
    // twice out of those freed last. Gives the address of one, or 0.
    private static nuint TakeOutRepeated(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        nuint corruptAddress = 0;
        while (index < cache->FirstStacked && bin->Secondary != null && *bin->AllocTop == null &&
            Magazines.HasRepeated(ThreadCache.FreeSideOf(cache, index)->FreeTop, RepeatReach))
        {
            SaveCounts(cache, index);
            void** slots = Magazine.SlotsOf(bin->Secondary);
            int newer = bin->Secondary->Count - 1;
            while (slots[newer] != slots[newer - 2] && slots[newer] != slots[newer - 3])
            {
                newer--;
            }

            corruptAddress = (nuint)slots[newer];
            bin->Secondary->Count--;
            new Span<nint>(slots + newer + 1, bin->Secondary->Count - newer).CopyTo(new Span<nint>(slots + newer, bin->Secondary->Count - newer));
            Load(cache, index);
        }

        return corruptAddress;
    }

    private static void Swap(Bin* bin)
    {
        Magazine* taking = bin->Primary;
        bin->Primary = bin->Secondary;
        bin->Secondary = taking;
    }

    // The newest slot of the second magazine: that which Free puts into for a paired class, the waiting one for a stacked class. Of no
    // meaning without a second magazine.
    public static void** SecondaryTop(ThreadCache* cache, int index)
    {
        Magazine* putting = ThreadCache.BinAt(cache, (uint)index)->Secondary;
        return index < cache->FirstStacked || putting == null
            ? ThreadCache.FreeSideOf(cache, index)->FreeTop
            : Magazine.SlotsOf(putting) + putting->Count - 1;
    }

    // Brings the magazines' counts up to date with the tops.
    private static void SaveCounts(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        SaveCount(bin->Primary, bin->AllocTop);
        SaveCount(bin->Secondary, SecondaryTop(cache, index));
    }

    // Also closes the gap that the reaper left at the bottom: whoever calls this points the tops anew.
    private static void SaveCount(Magazine* magazine, void** top)
    {
        if (magazine == null)
        {
            return;
        }

        int count = Count(magazine, top);
        magazine->Count = count;
        if (magazine->Holes > 0)
        {
            nint* slots = (nint*)Magazine.SlotsOf(magazine);
            new Span<nint>(slots + magazine->Holes, count).CopyTo(new Span<nint>(slots, count));
            magazine->Holes = 0;
        }
    }

    // Points the tops at the magazines, whose counts are up to date.
    private static void Load(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        FreeSide* put = ThreadCache.FreeSideOf(cache, index);
        Magazine* taking = bin->Primary;
        Magazine* putting = index < cache->FirstStacked ? bin->Secondary : taking;
        bin->AllocTop = taking == null ? &cache->EmptySlot : Magazine.SlotsOf(taking) + taking->Count - 1;
        put->FreeTop = putting == null ? &cache->EmptySlot : Magazine.SlotsOf(putting) + putting->Count - 1;
        put->FreeEnd = put->FreeTop;
        if (putting != null)
        {
            int capacity = Math.Min(ThreadCache.StateAt(cache, index)->Capacity, putting->Capacity);
            put->FreeEnd += Math.Max(0, capacity - putting->Count);
        }
    }
}
