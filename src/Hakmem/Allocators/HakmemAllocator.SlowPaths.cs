using System.Runtime.CompilerServices;
using Hakmem.Allocators;
using Hakmem.SizeClasses;
using Hakmem.ThreadCaches;

namespace Hakmem;

// Where the two fast paths end that find no block, no room or something wrong; and where every call of a heap with a
// front begins (see ThreadCache.Inner), whose steady state is tried first.
public sealed unsafe partial class HakmemAllocator
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* AllocSharedSlow(ThreadCache* cache, nuint byteCount)
    {
        nuint lastByte = byteCount - 1;
        if (cache != null && ThreadCache.IsFront(cache) && lastByte < SizeClass.MaxBytes)
        {
            void* block = Heap.TryTakeChecked(cache->Inner, SizeClass.IndexOf(lastByte));
            if (block != null)
            {
                return block;
            }
        }

        return s_shared.AllocSlow(cache, byteCount);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FreeSharedSlow(ThreadCache* cache, void* ptr)
    {
        if (cache != null && ThreadCache.IsFront(cache) && Heap.TryFreeChecked(cache->Inner, ptr))
        {
            return;
        }

        s_shared.FreeSlow(ptr);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocSlow(ThreadCache* cache, nuint byteCount)
    {
        nuint lastByte = byteCount - 1;
        void* block = null;
        if (cache != null && lastByte < SizeClass.MaxBytes)
        {
            uint index = SizeClass.IndexOf(lastByte);
            block = ThreadCache.IsFront(cache) ? Heap.TryTakeChecked(cache->Inner, index) : null;
            cache = ThreadCache.MagazinesOf(cache);
            if (block == null && !ThreadCache.IsCounted(cache))
            {
                block = _heap.Enter(CacheExchange.TryTakeFromPutting(cache, (int)index));
            }
        }

        block = block != null ? block : TryAllocSlow(byteCount, 1, isZeroed: false);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FreeSlow(void* ptr)
    {
        ThreadCache* cache = GetCache();
        if (ptr == null ||
            (cache != null && (ThreadCache.IsFront(cache) ? Heap.TryFreeChecked(cache->Inner, ptr) : _heap.TryFreePoisoned(cache, ptr))))
        {
            return;
        }

        _heap.Free(ThreadCache.MagazinesOf(cache), ptr);
    }
}
