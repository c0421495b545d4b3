using System.Runtime.CompilerServices;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Guarded;

// The steady state of a heap with HardeningLevel.Checked: HakmemAllocator's inlined paths plus the table of live
// blocks. The cache is the one with the magazines. Neither method calls the heap, and rare cases are in methods of
// their own, so that the steady state saves no register for them.
internal static unsafe class CheckedPaths
{
    // Returns a block of a class from the cache; null if the slow path has to serve it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* TryAllocate(ThreadCache* cache, uint index)
    {
        Bin* bin = ThreadCache.BinAt(cache, index);
        void** top = bin->AllocTop;
        void* block = *top;
        if (block != null)
        {
            bin->AllocTop = top - 1;
            LiveTable.Begin(cache->Live, block);
        }

        return block;
    }

    // Returns false, and changes nothing, if the bin has no room or the block may be invalid: the slow path decides.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFree(ThreadCache* cache, void* ptr)
    {
        ulong entry = Arena.EntryOf(cache, ptr);
        FreeSide* side = ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry));
        void** top = side->FreeTop;
        if (!FreeSide.Admits(side, entry, ptr) || !FreeSide.HasRoom(side, top))
        {
            return false;
        }

        if (!BlockClaims.TryClaim(cache, ptr))
        {
            return false;
        }

        // From here on the block belongs to this thread alone, and its entry cannot change. An entry that changed since
        // it was read means that the caller's block was freed before, and that another block begins there now.
        if (Arena.EntryOf(cache, ptr) == entry)
        {
            top[1] = ptr;
            side->FreeTop = top + 1;
            return true;
        }

        RequireSameSpan(cache, ptr, entry);
        top[1] = ptr;
        side->FreeTop = top + 1;
        return true;
    }

    // Returns if the entry was rewritten for the other form of bins, as a profiler does when it starts and ends: then
    // the side is still the block's. Otherwise marks the block that begins there now as live again, and throws.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RequireSameSpan(ThreadCache* cache, void* ptr, ulong entry)
    {
        if (!PageMapEntry.IsSameSpan(Arena.EntryOf(cache, ptr), entry))
        {
            LiveTable.Begin(cache->Live, ptr);
            throw Misuse.FreedAlready(ptr, "Free");
        }
    }
}
