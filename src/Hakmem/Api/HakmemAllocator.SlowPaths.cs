using System.Runtime.CompilerServices;
using Hakmem.Guarded;
using Hakmem.Records;

namespace Hakmem;

// Where the two fast paths end that find no block, no room or something wrong; and where every call of a heap with a
// front begins (see ThreadCache.Inner), whose steady state is tried first.
public sealed unsafe partial class HakmemAllocator
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* AllocSharedSlow(ThreadCache* cache, nuint byteCount)
    {
        nuint lastByte = byteCount - 1;
        if (cache != null && cache->Checked != null && lastByte < SizeClass.MaxBytes)
        {
            void* block = CheckedPaths.TryAllocate(cache->Checked, SizeClass.IndexOf(lastByte));
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
        if (cache != null && cache->Checked != null && CheckedPaths.TryFree(cache->Checked, ptr))
        {
            return;
        }

        s_shared.FreeSlow(cache, ptr);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* AllocSlow(ThreadCache* cache, nuint byteCount)
    {
        nuint lastByte = byteCount - 1;
        void* block = null;
        if (cache != null && lastByte < SizeClass.MaxBytes)
        {
            uint index = SizeClass.IndexOf(lastByte);
            block = cache->Inner == null ? null
                : cache->Checked != null ? CheckedPaths.TryAllocate(cache->Checked, index)
                : _heap.TryAllocateLoaded(cache->Inner, (int)index, byteCount);
            cache = ThreadCache.MagazinesOf(cache);
            if (block == null && !cache->CountsAllocations)
            {
                block = _heap.TryAllocateFromSecondary(cache, (int)index);
            }
        }

        block = block != null ? block : TryAllocSlow(byteCount, 1, isZeroed: false);
        return block != null ? block : ThrowOutOfMemory(byteCount);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FreeSlow(void* ptr) => FreeSlow(GetCache(), ptr);

    // The cache is the calling thread's; null if it has none yet, or there was no memory for one.
    private void FreeSlow(ThreadCache* cache, void* ptr)
    {
        cache = cache == null ? GetCache() : cache;
        if (ptr == null || (cache != null && cache->Inner != null &&
            (cache->Checked != null ? CheckedPaths.TryFree(cache->Checked, ptr) : _heap.TryFreeLoaded(cache->Inner, ptr))))
        {
            return;
        }

        _heap.Free(ThreadCache.MagazinesOf(cache), ptr);
    }
}
