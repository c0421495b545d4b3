using System;
using System.Diagnostics;
using Hakmem.Records;

namespace Hakmem.Small;

// Finds a second free of a block among the newest blocks of a magazine before they are allocated again.
internal static unsafe class RepeatedFrees
{
    // How many of the newest free blocks are checked for a double free before they are allocated again. A larger number
    // would slow a loop that allocates what it has just freed.
    private const int Reach = 8;

    // Whether one of the newest blocks, from a slot downwards, is there twice.
    public static bool AreIn(void** newest) => Magazines.HasRepeated(newest, Reach);

    // Whether a block is on both sides of a place in a magazine.
    public static bool AreAround(Magazine* magazine, int place) => Magazines.HasRepeated(
        Magazine.SlotsOf(magazine) + Math.Min(place + 2, magazine->Count - 1), most: 3);

    // If the magazines of a paired class are about to be swapped: removes one copy of each block that the newest slots
    // hold twice. Returns the address of one such block, or 0.
    public static nuint RemoveFrom(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinOf(cache, index);
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        nuint corruptAddress = 0;
        while (!ThreadCache.IsStacked(cache, index) && bin->Secondary != null && *from->AllocTop == null &&
            AreIn(ThreadCache.FreeSideOf(cache, index)->FreeTop))
        {
            BinCounts.Save(cache, index);
            void** slots = Magazine.SlotsOf(bin->Secondary);
            int newer = bin->Secondary->Count - 1;
            while (slots[newer] != slots[newer - 2] && slots[newer] != slots[newer - 3])
            {
                newer--;
            }

            corruptAddress = (nuint)slots[newer];
            int moved = --bin->Secondary->Count - newer;
            new Span<nint>(slots + newer + 1, moved).CopyTo(new Span<nint>(slots + newer, moved));
            BinCounts.Load(cache, index);
        }

        return corruptAddress;
    }
}
