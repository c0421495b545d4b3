using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Guarded;

// The steady state of a heap of HardeningLevel.Checked: what HakmemAllocator's inlined paths do elsewhere, and the table
// of live blocks. The cache is the one with the magazines. Neither method asks the heap for anything, and what is rare
// is in methods of its own, so that the steady state saves no register for it.
internal static unsafe class CheckedPaths
{
    // A block of a class from the cache; null if the slow path has to serve it.
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

    // False, and nothing has changed, if the slow path has to decide: there is no room, or something is wrong.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryFree(ThreadCache* cache, void* ptr)
    {
        ulong entry = Arena.EntryOf(cache->PageMap, ptr);
        FreeSide* side = ThreadCache.FreeSideAt(cache, PageMapEntry.BinOffsetOf(entry));
        void** top = side->FreeTop;
        if (!FreeSide.Admits(side, entry, ptr) || top >= side->FreeEnd)
        {
            return false;
        }

        if (!BlockClaims.TryClaim(cache, ptr))
        {
            return false;
        }

        // From here on the block belongs to this thread alone, and its entry cannot change. If it has changed since it
        // was read, the block is another one, and the one that the caller means was freed before.
        if (Arena.EntryOf(cache->PageMap, ptr) == entry)
        {
            top[1] = ptr;
            side->FreeTop = top + 1;
            return true;
        }

        ThrowFreedBefore(cache, ptr);
        return true;
    }

    // Undoes the claim of a block that is another one by now.
    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ThrowFreedBefore(ThreadCache* cache, void* ptr)
    {
        LiveTable.Begin(cache->Live, ptr);
        throw Misuse.FreedAlready(ptr, "Free");
    }
}
