using System;
using System.Diagnostics;
using Hakmem.Records;

namespace Hakmem.Small;

// Makes the inlined Alloc of a profiled thread stop where the next allocation of a class is to be sampled.
//
// Each allocation is sampled with a probability p that depends on the size of its block alone. The number of
// allocations before the next sample is then geometric, and is drawn in advance (Until). Alloc counts nothing: it pops
// blocks until it finds a null. So whenever a magazine is loaded for it, the blocks beyond Until are hidden:
//
//     slots    [ b0 b1 b2 b3 b4 b5 .. .. ]         Until = 2:  b1 and b0 are served without a sample, then the slow
//                   ^ AllocTop     ^ Count         path runs, samples, and draws again; Hidden = 4
//
// How many allocations there were since is the distance of AllocTop from where it was (LoadedTop), also if the reaper
// took blocks meanwhile: it never writes a top. All code between Save and Load sees whole magazines.
//
// Invariant, between slow paths: the visible blocks are at most Until. A caller that is about to serve a block has seen
// that Until is above 0.
internal static unsafe class SampleCountdown
{
    // The countdown for a bin; null if the cache is not profiled or the bin is one that the thread does not allocate
    // from.
    public static ProfileBin* Find(ThreadCache* cache, int index) =>
        cache->Profile == null || ThreadCache.IsForeign(cache, index)
            ? null
            : ProfileState.BinOf(cache->Profile, Stripe.ClassOf(index));

    // Brings a class's Until up to date with what Alloc has served, and returns the countdown.
    public static ProfileBin* Sync(ThreadCache* cache, int sizeClass)
    {
        ProfileBin* bin = ProfileState.BinOf(cache->Profile, sizeClass);
        void** top = ThreadCache.BinAt(cache, (uint)sizeClass)->AllocTop;
        bin->Until -= bin->LoadedTop - top;
        bin->LoadedTop = top;
        Debug.Assert(bin->Until >= 0, "Alloc has served a block that should be sampled.");
        return bin;
    }

    // Counts the allocation of a block that came from elsewhere than the magazine, unless it is null. Returns it.
    public static void* CountOne(ThreadCache* cache, int index, void* block)
    {
        ProfileBin* bin = block == null ? null : Find(cache, index);
        if (bin != null)
        {
            bin->Until = Math.Max(bin->Until - 1, 0);
        }

        return block;
    }

    // Hides the blocks of a primary magazine that was just loaded from Alloc, except the first Until.
    public static void Hide(ThreadCache* cache, int index)
    {
        CacheGate.AssertClosed(cache);
        ProfileBin* bin = Find(cache, index);
        if (bin == null)
        {
            return;
        }

        Bin* from = ThreadCache.AllocBinOf(cache, index);
        Magazine* primary = from->Primary;
        if (primary != null && primary->Count > bin->Until)
        {
            Debug.Assert(primary->Hidden == 0 && primary->Holes == 0, "Save comes before Hide.");
            primary->Hidden = (byte)(primary->Count - bin->Until);
            from->AllocTop -= primary->Hidden;
        }

        bin->LoadedTop = from->AllocTop;
    }

    // Applies a countdown that was drawn anew.
    public static void Apply(ThreadCache* cache, int sizeClass)
    {
        int index = ThreadCache.OwnIndexOf(cache, sizeClass);
        CacheGate.Close(cache);
        BinCounts.Save(cache, index);
        BinCounts.Load(cache, index);
        CacheGate.Open(cache);
    }

    // As CacheExchange.TryAllocFromSecondary, for a profiled cache: the commonest of its slow paths. Null also if the
    // next allocation is to be sampled.
    public static void* TryAllocFromSecondary(ThreadCache* cache, int sizeClass)
    {
        ProfileBin* countdown = Sync(cache, sizeClass);
        Bin* from = ThreadCache.BinAt(cache, (uint)sizeClass);
        Magazine* empty = from->Primary;
        int index = ThreadCache.OwnIndexOf(cache, sizeClass);
        FreeSide* side = ThreadCache.FreeSideOf(cache, index);
        void** top = side->FreeTop;
        if (countdown->Until == 0 || empty == null || *top == null || RepeatedFrees.AreIn(top))
        {
            return null;
        }

        CacheGate.Close(cache);

        // Read again: the reaper may have taken the blocks, or put one back.
        void* block = null;
        if (*from->AllocTop == null && *top != null && empty->Hidden == 0)
        {
            Bin* to = ThreadCache.BinOf(cache, index);
            Magazine* full = to->Secondary;
            to->Secondary = empty;
            empty->Holes = 0;
            side->FreeTop = Magazine.SlotsOf(empty) - 1;
            side->FreeEnd = side->FreeTop + Math.Min(ThreadCache.StateAt(cache, index)->Capacity, empty->Capacity);
            from->Primary = full;
            long excess = top - Magazine.SlotsOf(full) + 1 - full->Holes - countdown->Until;
            if (excess > 0)
            {
                full->Count = (int)(top - Magazine.SlotsOf(full)) + 1;
                full->Hidden = (byte)excess;
                top -= excess;
            }

            block = *top;
            from->AllocTop = top - 1;
            countdown->LoadedTop = top;
        }

        CacheGate.Open(cache);
        return block;
    }

    // Allocates from the primary magazine of a profiled cache, or, once that is empty, from the secondary one, which
    // takes its place if isPaired; null if neither has a block.
    public static void* TryAllocLoaded(ThreadCache* cache, int index, bool isPaired)
    {
        CacheGate.AssertClosed(cache);
        BinCounts.Save(cache, index);

        // Without this, a caller that has not asked for the sample first would take a magazine with blocks for empty.
        ProfileBin* countdown = Find(cache, index);
        countdown->Until = Math.Max(countdown->Until, 1);
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        Bin* to = ThreadCache.BinOf(cache, index);
        if (isPaired && from->Primary != null && from->Primary->Count == 0 && to->Secondary != null)
        {
            Magazine* empty = from->Primary;
            from->Primary = to->Secondary;
            to->Secondary = empty;
        }

        BinCounts.Load(cache, index);
        return *from->AllocTop == null ? null : *from->AllocTop--;
    }
}
