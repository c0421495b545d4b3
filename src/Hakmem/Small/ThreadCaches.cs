using System.Runtime.CompilerServices;
using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// Creates, destroys and resets the records of thread caches; Records/ThreadCache.cs has their layout.
internal static unsafe class ThreadCaches
{
    // Creates a cache with unused bins, behind a front if isFronted; null if memory is out.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThreadCache* TryCreate(Arena arena, int heapSlot, SizeClassInfo[] classes, int number, bool isFronted)
    {
        ThreadCache* cache = TryCreate(arena, heapSlot, classes, number);
        if (!isFronted || cache == null)
        {
            return cache;
        }

        ThreadCache* front = TryCreate(arena, heapSlot, classes, number);
        if (front == null)
        {
            Destroy(arena, cache);
            return null;
        }

        front->Inner = cache;
        return front;
    }

    // Creates a cache without a front.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ThreadCache* TryCreate(Arena arena, int heapSlot, SizeClassInfo[] classes, int number)
    {
        ThreadCache* cache = (ThreadCache*)arena.Metadata.TryAllocate(ThreadCache.Bytes);
        if (cache == null)
        {
            return null;
        }

        cache->PageMap = arena.PageMap;
        cache->PageMapMask = arena.PageMapMask;
        cache->Number = number;
        cache->OwnStriped = classes.Length > SizeClass.Count ? Stripe.BinOf(Stripe.Of(number), 0) : 0;
        SetForms(cache, classes, heapSlot, FirstStackedOf(classes));
        return cache;
    }

    // Gives the bins, which have no magazines, their form: stacked from a class on, and paired below it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetForms(ThreadCache* cache, SizeClassInfo[] classes, int heapSlot, int firstStacked)
    {
        cache->FirstStacked = (byte)firstStacked;
        foreach (SizeClassInfo info in classes)
        {
            bool isStacked = ThreadCache.IsStacked(cache, info.Index);
            FreeSide* side = ThreadCache.FreeSideOf(cache, info.Index);
            side->Reciprocal = info.Reciprocal;
            side->Origin = 0 - PageMapEntry.TagOf(heapSlot) - PageMapEntry.BinOffsetOf(info.Index, isStacked);
            side->SpanBytes = (ulong)info.SpanBlockBytes;
            if (isStacked)
            {
                // Where an entry of a paired bin finds SpanBytes: see FreeSide.
                ((FreeSide*)((byte*)side + sizeof(ulong)))->SpanBytes = 0;
            }

            ResetBin(cache, info.Index);
        }
    }

    public static void Destroy(Arena arena, ThreadCache* cache)
    {
        ProfileState* profile = ThreadCache.MagazinesOf(cache)->Profile;
        if (profile != null)
        {
            arena.Metadata.Free(profile, ProfileState.Bytes);
        }

        if (cache->Inner != null)
        {
            arena.Metadata.Free(cache->Inner, ThreadCache.Bytes);
        }

        arena.Metadata.Free(cache, ThreadCache.Bytes);
    }

    // Destroys the magazines of a cache, whose blocks' memory the heap releases as a whole.
    public static void DestroyMagazines(MetadataAllocator metadata, ThreadCache* cache)
    {
        for (int index = 0; index < Stripe.Bins; index++)
        {
            Bin* bin = ThreadCache.BinOf(cache, index);
            Magazines.Destroy(metadata, bin->Primary);
            Magazines.Destroy(metadata, bin->Secondary);
        }
    }

    // The first stacked class of a heap that is not profiled.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int FirstStackedOf(SizeClassInfo[] classes)
    {
        int index = 0;
        while (index < SizeClass.Count && !classes[index].IsStacked)
        {
            index++;
        }

        return index;
    }

    // Leaves a bin without magazines, which the caller keeps or has destroyed.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ResetBin(ThreadCache* cache, int index)
    {
        Bin* from = ThreadCache.AllocBinOf(cache, index);
        FreeSide* side = ThreadCache.FreeSideOf(cache, index);
        from->AllocTop = &cache->EmptySlot;
        side->FreeTop = &cache->EmptySlot;
        side->FreeEnd = &cache->EmptySlot;
        from->Primary = null;
        ThreadCache.BinOf(cache, index)->Secondary = null;
        *ThreadCache.StateAt(cache, index) = default;
        ProfileBin* countdown = SampleCountdown.Find(cache, index);
        if (countdown != null)
        {
            countdown->LoadedTop = from->AllocTop;
        }
    }
}
