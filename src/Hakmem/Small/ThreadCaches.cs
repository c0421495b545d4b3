using Hakmem.Pages;
using Hakmem.Records;

namespace Hakmem.Small;

// Makes, frees and resets the records of thread caches; Records/ThreadCache.cs has their layout.
internal static unsafe class ThreadCaches
{
    // A new cache, all bins unused, behind a front if so wanted; null if memory is out.
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

    // The same without a front.
    public static ThreadCache* TryCreate(Arena arena, int heapSlot, SizeClassInfo[] classes, int number)
    {
        ThreadCache* cache = (ThreadCache*)arena.Metadata.TryAllocate(sizeof(ThreadCache));
        if (cache == null)
        {
            return null;
        }

        cache->PageMap = arena.PageMap;
        cache->Number = number;
        cache->FirstStacked = (byte)FirstStackedOf(classes);
        foreach (SizeClassInfo info in classes)
        {
            FreeSide* put = ThreadCache.FreeSideOf(cache, info.Index);
            put->Inverse = info.Inverse;
            put->Bias = (PageMapEntry.TagOf(heapSlot) + PageMapEntry.BinOffsetOf(info.Index, info.IsStacked)) * info.Inverse;
            put->BlockCount = (ushort)info.BlocksPerSpan;
            put->Shift = info.Shift;
            ResetBin(cache, info.Index);
        }

        return cache;
    }

    public static void Destroy(Arena arena, ThreadCache* cache)
    {
        if (cache->Inner != null)
        {
            arena.Metadata.Free(cache->Inner, sizeof(ThreadCache));
        }

        arena.Metadata.Free(cache, sizeof(ThreadCache));
    }

    private static int FirstStackedOf(SizeClassInfo[] classes)
    {
        int index = 0;
        while (index < classes.Length && !classes[index].IsStacked)
        {
            index++;
        }

        return index;
    }

    // Leaves a bin without magazines.
    public static void ResetBin(ThreadCache* cache, int index)
    {
        Bin* bin = ThreadCache.BinAt(cache, (uint)index);
        FreeSide* put = ThreadCache.FreeSideOf(cache, index);
        bin->AllocTop = &cache->EmptySlot;
        put->FreeTop = &cache->EmptySlot;
        put->FreeEnd = &cache->EmptySlot;
        bin->Primary = null;
        bin->Secondary = null;
        *ThreadCache.StateAt(cache, index) = default;
    }
}
